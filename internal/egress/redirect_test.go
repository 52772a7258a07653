// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestRedirectThatLeavesTLS(t *testing.T) {
	plain := httptest.NewServer(answer(http.StatusOK))
	defer plain.Close()
	secure := httptest.NewTLSServer(redirect(plain.URL))
	defer secure.Close()
	_, err := get(t, trusting(secure), secure.URL)
	refused(t, err, "it leaves TLS")
}

func TestRealmThatLeavesTLS(t *testing.T) {
	secure := httptest.NewTLSServer(challenge(`Bearer realm="http://token.example/"`))
	defer secure.Close()
	_, err := get(t, trusting(secure), secure.URL)
	refused(t, err, "http://token.example refused: credentials would leave TLS")
}

func TestRedirectsAreCounted(t *testing.T) {
	visits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits++
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	defer server.Close()
	_, err := get(t, egress.Options{AllowLoopback: true}, server.URL)
	f := failure.Of(err)
	if f == nil || f.Reason != v1alpha1.ReasonUnavailable || f.Terminal || !strings.Contains(f.Error(), "more than 5 redirects") {
		t.Errorf("got %v", err)
	}
	if want := egress.MaxRedirects + 1; visits != want {
		t.Errorf("%d requests, want %d", visits, want)
	}
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	var seen []http.Header
	var paths []string
	record := func(r *http.Request) {
		seen = append(seen, r.Header.Clone())
		paths = append(paths, r.URL.Path)
	}
	var other, home *httptest.Server
	other = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record(r)
		http.Redirect(w, r, home.URL+"/back", http.StatusFound)
	}))
	defer other.Close()
	home = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record(r)
		if r.URL.Path == "/start" {
			http.Redirect(w, r, other.URL+"/away", http.StatusFound)
		}
	}))
	defer home.Close()

	guard := egress.New(egress.Options{AllowLoopback: true})
	defer guard.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, home.URL+"/start?signature=s3cret", nil)
	req.Header.Set("Authorization", "Bearer s3cret")
	req.Header.Set("Cookie", "session=s3cret")
	resp, err := guard.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	// The two servers differ only in their port, which net/http takes for one host.
	if got := strings.Join(paths, " "); got != "/start /away /back" {
		t.Fatalf("visited %s", got)
	}
	if got := seen[0].Get("Authorization"); got != "Bearer s3cret" {
		t.Errorf("the host itself got %q", got)
	}
	for name, values := range seen[1] {
		if strings.Contains(strings.Join(values, " "), "s3cret") {
			t.Errorf("%s was forwarded to another host: %q", name, values)
		}
	}
}

func TestACredentialForTheNewHostStays(t *testing.T) {
	var got string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer other.Close()
	guard := egress.New(egress.Options{AllowLoopback: true})
	defer guard.CloseIdleConnections()
	first, _ := http.NewRequest(http.MethodGet, "http://127.0.0.1:1/", nil)
	first.Header.Set("Authorization", "Bearer one")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, other.URL, nil)
	req.Header.Set("Authorization", "Bearer two")
	req.Response = &http.Response{Request: first}
	resp, err := guard.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got != "Bearer two" {
		t.Errorf("got %q", got)
	}
}
