// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestFailuresAreCounted: a change during which a proxy refuses requests is not taken for one during which it does not.
func TestFailuresAreCounted(t *testing.T) {
	c := detailsCases(t)
	trapping := wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i"), wasmtest.Salt(time.Now().String()))
	bad := onDetails("counted", pushModule(t, "counted-bad:v1", trapping), "applyPorts: [9081], failurePolicy: FailClosed")
	good := onDetails("counted", pushExample(t, "counted"), "applyPorts: [9081]")
	want := plain.but(answers{other: "200 world"})
	failures := c.failures(t, "trapping, then repaired", want, func() {
		bad.apply(t)
		waitForAnswer(t, mesh.Details.URL(OtherPort), "503")
		good.apply(t)
	}, c.formerOr(want))
	if len(failures) != 1 || !regexp.MustCompile(`^[1-9]\d* requests to other got "503"`).MatchString(failures[0]) {
		t.Errorf("the failures are %q, want requests to other that got 503", failures)
	}
	c.step(t, "none", plain, func() { good.delete(t) })
}

// allAsked is an error while a door has not answered.
func (l *load) allAsked() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, seen := range l.seen {
		if len(seen) == 0 {
			return fmt.Errorf("the door of %q was not asked", name)
		}
	}
	return nil
}

// TestLoadKeepsEachAnswer asks a door that refuses, and one that hangs up.
func TestLoadKeepsEachAnswer(t *testing.T) {
	doors := map[string]door{}
	for name, handler := range map[string]http.HandlerFunc{
		"503":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		server := httptest.NewServer(handler)
		defer server.Close()
		doors[name] = door{url: server.URL}
	}
	l := startLoad(t, doors)
	suite.Eventually(t, func(context.Context) error { return l.allAsked() })
	for name, seen := range l.end() {
		for answer, n := range seen {
			if !strings.HasPrefix(answer, name) {
				t.Errorf("%d requests to the door of %q got %q", n, name, answer)
			}
		}
	}
}
