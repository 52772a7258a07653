package fill_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/fill"
	"github.com/autowasm/autowasm/fetch/serve"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// at is a sighting some minutes after noon; none at 0.
func at(asked, served int) serve.Sighting {
	s := serve.Sighting{Asked: noon.Add(time.Duration(asked) * time.Minute)}
	if served != 0 {
		s.Served = noon.Add(time.Duration(served) * time.Minute)
	}
	return s
}

func sightings(own map[string]serve.Sighting, urls ...string) *fill.Sightings {
	return &fill.Sightings{
		Own:      func(string) map[string]serve.Sighting { return own },
		Siblings: func(context.Context) ([]string, error) { return urls, nil },
	}
}

// saying answers every request with a body.
func saying(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func TestProxies(t *testing.T) {
	cases := map[string]struct {
		own    map[string]serve.Sighting
		others []http.HandlerFunc
		want   map[string]serve.Sighting
	}{
		"nobody": {want: map[string]serve.Sighting{}},
		"alone":  {own: map[string]serve.Sighting{"10.0.0.1": at(1, 2)}, want: map[string]serve.Sighting{"10.0.0.1": at(1, 2)}},
		"the latest times of all": {
			own: map[string]serve.Sighting{"10.0.0.1": at(5, 0), "10.0.0.2": at(1, 2)},
			others: []http.HandlerFunc{
				saying(`{"10.0.0.1":{"asked":"2026-01-02T12:01:00Z","served":"2026-01-02T12:02:00Z"}}`),
				saying(`{"10.0.0.2":{"asked":"2026-01-02T12:03:00Z"},"fd00::1":{"asked":"2026-01-02T12:04:00Z"}}`),
			},
			want: map[string]serve.Sighting{"10.0.0.1": at(5, 2), "10.0.0.2": at(3, 2), "fd00::1": at(4, 0)},
		},
		"nobody at another": {own: map[string]serve.Sighting{"10.0.0.1": at(1, 0)}, others: []http.HandlerFunc{saying("{}"), saying("null")}, want: map[string]serve.Sighting{"10.0.0.1": at(1, 0)}},
		"names that are no addresses": {
			others: []http.HandlerFunc{saying(`{"evil":{"asked":"2026-01-02T12:01:00Z"},"10.0.0.1":{"asked":"2026-01-02T12:01:00Z"}}`)},
			want:   map[string]serve.Sighting{"10.0.0.1": at(1, 0)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var urls []string
			for _, other := range c.others {
				urls = append(urls, httpServer(t, other))
			}
			expectProxies(t, sightings(c.own, urls...), c.want)
		})
	}
}

func expectProxies(t *testing.T, s *fill.Sightings, want map[string]serve.Sighting) {
	t.Helper()
	got, err := s.Proxies(t.Context(), sha)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("proxies (-want +got):\n%s", diff)
	}
}

// A replica that answers badly hides nothing of what the others say, and takes no
// time to speak of.
func TestProxiesDespiteABadReplica(t *testing.T) {
	good := saying(`{"10.0.0.2":{"asked":"2026-01-02T12:01:00Z"}}`)
	answers := map[string]http.HandlerFunc{
		"one that lacks the page": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"an error":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":                 saying("<html>"),
		"half of it":              saying(`{"10.0.0.9":{"asked":"2026-01-02T12:01:00Z"},`),
		"other JSON":              saying(`["10.0.0.9"]`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"an endless list": func(w http.ResponseWriter, r *http.Request) {
			sent, _ := w.Write([]byte("{"))
			for i := 0; r.Context().Err() == nil; i++ {
				n, _ := fmt.Fprintf(w, `"10.%d.%d.%d":{"asked":"2026-01-02T12:01:00Z"},`, i>>16&0xff, i>>8&0xff, i&0xff)
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
			began := time.Now()
			s := sightings(map[string]serve.Sighting{"10.0.0.1": at(1, 0)}, httpServer(t, answer), "http://127.0.0.1:1", httpServer(t, good))
			expectProxies(t, s, map[string]serve.Sighting{"10.0.0.1": at(1, 0), "10.0.0.2": at(1, 0)})
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// The replicas understand each other.
func TestProxiesOfRealReplicas(t *testing.T) {
	other := sibling(t, wanted)
	response, err := http.Get(other + serve.ModulePath + sha)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	got, err := sightings(nil, other).Proxies(t.Context(), sha)
	if err != nil || len(got) != 1 || time.Since(got["127.0.0.1"].Asked) > time.Minute {
		t.Errorf("%v, %v", got, err)
	}
}

func TestProxiesWithoutSiblings(t *testing.T) {
	own := map[string]serve.Sighting{"10.0.0.1": at(1, 2)}
	expectProxies(t, &fill.Sightings{Own: func(string) map[string]serve.Sighting { return own }}, own)

	lost := sightings(own)
	lost.Siblings = func(context.Context) ([]string, error) { return nil, errors.New("not synced") }
	got, err := lost.Proxies(t.Context(), sha)
	if err == nil || !cmp.Equal(own, got) {
		t.Errorf("%v, %v", got, err)
	}
}

// What is asked for goes into a URL: it must be a name of a module.
func TestProxiesOfNoModule(t *testing.T) {
	s := sightings(nil, httpServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a replica is asked") })))
	for _, name := range []string{"", "../healthz", "x"} {
		if got, err := s.Proxies(t.Context(), name); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}
