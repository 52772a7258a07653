package source_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
)

// patient is the context of who would wait for much longer than these servers get.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// drip sends a byte each millisecond, for as long as somebody reads.
func drip(w http.ResponseWriter, req *http.Request) {
	for req.Context().Err() == nil {
		if _, err := w.Write([]byte{0}); err != nil {
			return
		}
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
		time.Sleep(time.Millisecond)
	}
}

// mute sends nothing after its headers.
func mute(w http.ResponseWriter, req *http.Request) {
	w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
	<-req.Context().Done()
}

// A server that drips is given up long before the context ends: whatever it drips.
func TestServersThatDrip(t *testing.T) {
	tests := map[string]struct {
		path    string
		handler http.HandlerFunc
	}{
		"a layer":           {"/blobs/", drip},
		"a layer, silent":   {"/blobs/", mute},
		"a manifest":        {"/manifests/", headless(drip)},
		"a manifest, muted": {"/manifests/", headless(mute)},
		"a token":           {"/token", drip},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, bearerAuth)
			r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = at(tt.path, tt.handler)
			s := newSourcesWith(t, source.Options{Reader: cluster{pullSecret(password, r.host)}, PlainHTTPHosts: []string{r.host}, SlowAfter: 100 * time.Millisecond})
			begun := time.Now()
			_, _, err := read(patient(t), s, imageRequest(r.host+"/team/filter:v1", "regcred"))
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable), r.host+" is too slow: it sent less than 64 KiB within 100ms")
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestObjectsThatDrip(t *testing.T) {
	packed := func(w http.ResponseWriter, req *http.Request) { // little that unpacks to much
		zeros := gzipped(make([]byte, limit-1))
		for i := 0; i < len(zeros) && req.Context().Err() == nil; i++ {
			_, _ = w.Write(zeros[i : i+1])
			w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
			time.Sleep(5 * time.Millisecond)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{"drips": drip, "is mute": mute, "drips what is packed": packed} {
		t.Run(name, func(t *testing.T) {
			server, host := newServer(t, headless(handler))
			s := newSourcesWith(t, source.Options{SlowAfter: 100 * time.Millisecond})
			_, _, err := read(patient(t), s, objectRequest(server.URL+"/x?token="+signed, ""))
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable), "get "+server.URL+"/x: "+host+" is too slow: it sent less than 64 KiB within 100ms")
		})
	}
}
