package fill_test

import (
	"net/http"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

func TestFillAsksReplicasFirst(t *testing.T) {
	f := newFixture(t, cluster(t, autowasm("a", sha, reference, registry())), sibling(t), sibling(t, wanted))
	if err := f.Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	f.expect(t, true)
}

// Of what a replica answers nothing is believed that does not have the hash.
func TestFillTrustsNoReplica(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"another module": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wasmtest.Module(wasmtest.Salt("evil"))) },
		"an endless one": func(w http.ResponseWriter, r *http.Request) { endless(w, r) },
		"an error":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"half of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(wanted[:10])
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, cluster(t, autowasm("a", sha, reference, registry())), httpServer(t, answer), "http://127.0.0.1:1")
			if err := f.Fill(t.Context(), sha); err != nil {
				t.Fatal(err)
			}
			f.expect(t, true, pinned("a"))
			if usage := f.store.Usage(); usage.Modules != 1 {
				t.Errorf("the store holds %+v", usage)
			}
		})
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := make([]byte, 1<<20)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
