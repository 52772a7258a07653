package source_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// reset sends a little and breaks the connection with an RST.
func reset(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.FormatInt(layerSize(), 10))
	_, _ = w.Write([]byte("only this"))
	w.(http.Flusher).Flush()                   //nolint:forcetypeassert // it is one
	conn, _, err := w.(http.Hijacker).Hijack() //nolint:forcetypeassert // it is one
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // it is one
	_ = conn.Close()
}

// A message goes into the status, which is written again whenever it changes: it
// names neither our own port, which is another each time, nor addresses.
func TestMessagesNameNoAddresses(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	broken, _ := newServer(t, headless(reset))
	registry := newRegistry(t, open)
	registry.push(t, "team/filter:v1", filterImage(t, filter))
	registry.interfere = at("/blobs/", reset)
	door := newRegistry(t, open)
	door.interfere = at("/v2/", reset)
	tests := []struct {
		name, message, host string
		ask                 func() error
	}{
		{"an object", "get http://HOST/x: read: connection reset by peer", strings.TrimPrefix(broken.URL, "http://"), func() error {
			_, _, err := read(t.Context(), newSources(t, nil), objectRequest(broken.URL+"/x", ""))
			return err
		}},
		{"an object that is not served", "get http://HOST/x: dial: connect: connection refused", strings.TrimPrefix(closed.URL, "http://"), func() error {
			_, _, err := read(t.Context(), newSources(t, nil), objectRequest(closed.URL+"/x", ""))
			return err
		}},
		{"a layer", "read HOST/team/filter@sha256:DIGEST: read: connection reset by peer", registry.host, func() error {
			_, _, err := read(t.Context(), newSources(t, nil, registry.host), imageRequest(registry.host+"/team/filter:v1", ""))
			return err
		}},
		{"a registry's door", "look up HOST/team/filter:v1: read: connection reset by peer", door.host, func() error {
			_, _, err := read(t.Context(), newSources(t, nil, door.host), imageRequest(door.host+"/team/filter:v1", ""))
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.ask()
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable))
			got := digests.ReplaceAllString(strings.ReplaceAll(err.Error(), tt.host, "HOST"), "sha256:DIGEST")
			if got != tt.message {
				t.Errorf("message %q, want %q", got, tt.message)
			}
		})
	}
}
