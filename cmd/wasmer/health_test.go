// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// page is the answer of a handler.
type page struct {
	Code int
	Body string
}

func getPage(h http.Handler, target string) page {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, target, nil))
	return page{answer.Code, answer.Body.String()}
}

func TestReadyz(t *testing.T) {
	var failure error
	h := newHealth()
	expect := func(target string, want page) {
		t.Helper()
		if diff := cmp.Diff(want, getPage(h, target)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
	expect("/readyz", page{500, "[-]prerequisites failed: wasmer is starting\nreadyz check failed\n"})
	expect("/healthz", page{200, "ok"})
	h.add("caches", func(*http.Request) error { return failure })
	h.add(prerequisitesCheck, healthz.Ping)
	expect("/readyz", page{200, "ok"})
	expect("/readyz?verbose", page{200, "[+]caches ok\n[+]prerequisites ok\nreadyz check passed\n"})
	failure = errors.New("not synced yet")
	expect("/readyz", page{500, "[-]caches failed: not synced yet\n[+]prerequisites ok\nreadyz check failed\n"})
	expect("/healthz", page{200, "ok"})
}

// TestReadyzIsLoggedOnce: with the names and reasons, and again only when they are others.
func TestReadyzIsLoggedOnce(t *testing.T) {
	var failure error
	lines := logged(t, func() {
		h := newHealth()
		h.add(prerequisitesCheck, healthz.Ping)
		h.add("caches", func(*http.Request) error { return failure })
		for _, failure = range []error{errors.New("not synced"), errors.New("not synced"), errors.New("gone"), nil, nil} {
			getPage(h, "/readyz")
		}
	})
	want := []string{"Not ready caches: not synced", "Not ready caches: gone", "Ready"}
	var got []string
	for _, line := range lines {
		checks, _ := line["checks"].(string)
		got = append(got, strings.TrimSpace(line["msg"].(string)+" "+checks))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}
