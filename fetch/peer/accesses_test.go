// SPDX-License-Identifier: Apache-2.0

package peer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
)

// unknown is the sha256 of a module that no replica has.
var unknown = strings.Repeat("0", 64)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// at is an access some minutes after noon; none at 0.
func at(asked, served int) peer.Access {
	s := peer.Access{RequestedAt: noon.Add(time.Duration(asked) * time.Minute)}
	if served != 0 {
		s.ServedAt = noon.Add(time.Duration(served) * time.Minute)
	}
	return s
}

func accesses(own map[string]peer.Access, urls ...string) *peer.Accesses {
	return peer.NewAccesses(always(own), func(context.Context) ([]string, error) { return urls, nil })
}

func always(own map[string]peer.Access) func(string) map[string]peer.Access {
	return func(string) map[string]peer.Access { return own }
}

// saying answers every request with a body.
func saying(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func TestCollect(t *testing.T) {
	cases := map[string]struct {
		own    map[string]peer.Access
		others []http.HandlerFunc
		want   map[string]peer.Access
	}{
		"none":  {want: map[string]peer.Access{}},
		"alone": {own: map[string]peer.Access{"10.0.0.1": at(1, 2)}, want: map[string]peer.Access{"10.0.0.1": at(1, 2)}},
		"the latest times of all": {
			own: map[string]peer.Access{"10.0.0.1": at(5, 0), "10.0.0.2": at(1, 2)},
			others: []http.HandlerFunc{
				saying(`{"10.0.0.1":{"requestedAt":"2026-01-02T12:01:00Z","servedAt":"2026-01-02T12:02:00Z"}}`),
				saying(`{"10.0.0.2":{"requestedAt":"2026-01-02T12:03:00Z"},"fd00::1":{"requestedAt":"2026-01-02T12:04:00Z"}}`),
			},
			want: map[string]peer.Access{"10.0.0.1": at(5, 2), "10.0.0.2": at(3, 2), "fd00::1": at(4, 0)},
		},
		"none at another": {own: map[string]peer.Access{"10.0.0.1": at(1, 0)}, others: []http.HandlerFunc{saying("{}"), saying("null")}, want: map[string]peer.Access{"10.0.0.1": at(1, 0)}},
		"names that are no addresses": {
			others: []http.HandlerFunc{saying(`{"evil":{"requestedAt":"2026-01-02T12:01:00Z"},"10.0.0.1":{"requestedAt":"2026-01-02T12:01:00Z"}}`)},
			want:   map[string]peer.Access{"10.0.0.1": at(1, 0)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var urls []string
			for _, other := range c.others {
				urls = append(urls, httpServer(t, other))
			}
			expectAccesses(t, accesses(c.own, urls...), c.want)
		})
	}
}

func expectAccesses(t *testing.T, s *peer.Accesses, want map[string]peer.Access) {
	t.Helper()
	got, err := s.Collect(t.Context(), unknown)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accesses (-want +got):\n%s", diff)
	}
}

// A peer that answers badly hides nothing of what the others say, and takes no
// longer than the timeout, give or take what a busy machine adds.
func TestCollectDespiteABadPeer(t *testing.T) {
	good := saying(`{"10.0.0.2":{"requestedAt":"2026-01-02T12:01:00Z"}}`)
	answers := map[string]http.HandlerFunc{
		"one that lacks the page": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"an error":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":                 saying("<html>"),
		"half of it":              saying(`{"10.0.0.9":{"requestedAt":"2026-01-02T12:01:00Z"},`),
		"other JSON":              saying(`["10.0.0.9"]`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"an endless list": func(w http.ResponseWriter, r *http.Request) {
			sent, _ := w.Write([]byte("{"))
			for i := 0; r.Context().Err() == nil; i++ {
				n, _ := fmt.Fprintf(w, `"10.%d.%d.%d":{"requestedAt":"2026-01-02T12:01:00Z"},`, i>>16&0xff, i>>8&0xff, i&0xff)
				sent += n
			}
			if sent > 16<<20 {
				t.Errorf("%d bytes were taken", sent)
			}
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const timeout = 5 * time.Second
			began := time.Now()
			s := accesses(map[string]peer.Access{"10.0.0.1": at(1, 0)}, httpServer(t, answer), "http://127.0.0.1:1", httpServer(t, good))
			s.SetTimeout(timeout)
			expectAccesses(t, s, map[string]peer.Access{"10.0.0.1": at(1, 0), "10.0.0.2": at(1, 0)})
			if took := time.Since(began); took > 4*timeout {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// Peers understand each other.
func TestCollectFromRealPeers(t *testing.T) {
	other, sha := replica(t)
	response, err := http.Get(other + v1alpha1.ModulePath + sha)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	got, err := accesses(nil, other).Collect(t.Context(), sha)
	if err != nil || len(got) != 1 || time.Since(got["127.0.0.1"].RequestedAt) > time.Minute {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCollectWithoutPeers(t *testing.T) {
	own := map[string]peer.Access{"10.0.0.1": at(1, 2)}
	expectAccesses(t, peer.NewAccesses(always(own), nil), own)

	lost := peer.NewAccesses(always(own), func(context.Context) ([]string, error) { return nil, errors.New("not synced") })
	got, err := lost.Collect(t.Context(), unknown)
	if err == nil || !cmp.Equal(own, got) {
		t.Errorf("%v, %v", got, err)
	}
}

// What is asked for goes into a URL: it must be a name of a module.
func TestCollectForNoModule(t *testing.T) {
	s := accesses(nil, httpServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a peer is asked") })))
	for _, name := range []string{"", "../healthz", "x"} {
		if got, err := s.Collect(t.Context(), name); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}
