// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// handled answers requests in memory.
type handled struct{ http.HandlerFunc }

func (h handled) RoundTrip(request *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder.Result(), request.Context().Err()
}

// TestCheckWaits: a server that comes later is found, and one that does not come is an error that says why.
func TestCheckWaits(t *testing.T) {
	tests := map[string]struct {
		readyAfter time.Duration
		want       string
	}{
		"at once": {0, "<nil>"},
		"later":   {5 * time.Second, "<nil>"},
		"never":   {time.Hour, "check http://wasmer:8081/healthz for 1m0s: it answers 503 Service Unavailable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ready := time.Now().Add(test.readyAfter)
				client := &http.Client{Transport: handled{func(w http.ResponseWriter, _ *http.Request) {
					if time.Now().Before(ready) {
						w.WriteHeader(http.StatusServiceUnavailable)
					}
				}}}
				if got := fmt.Sprint(check(t.Context(), client, "http://wasmer:8081/healthz")); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		})
	}
}

// TestCheckTriesAgain: a try without an answer does not take the time of the others.
func TestCheckTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client := &http.Client{Transport: handled{func(_ http.ResponseWriter, r *http.Request) {
			if tries++; tries < 5 {
				<-r.Context().Done()
			}
		}}}
		if err := check(t.Context(), client, "http://wasmer:8081/healthz"); err != nil || tries != 5 {
			t.Errorf("%d tries, then %v", tries, err)
		}
	})
}

// TestCheckIsACommand: wasmer itself does not start.
func TestCheckIsACommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	started, out, err := execute(t, "check", server.URL)
	if started != nil || err != nil || !strings.Contains(out, server.URL+" answers") {
		t.Errorf("wasmer started: %t, it prints %q (%v)", started != nil, out, err)
	}
}
