package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// server stands for a server and the way to it: it answers each read of the body
// with some bytes after some time, unless the request ends first.
type server struct {
	chunk, chunks int // bytes, and how often they come
	every         time.Duration
	ctx           context.Context
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.ctx = req.Context()
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(s), Request: req}, nil
}

func (s *server) Read(p []byte) (int, error) {
	select {
	case <-time.After(s.every):
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	if s.chunks--; s.chunks < 0 {
		return 0, io.EOF
	}
	return min(s.chunk, len(p)), nil
}

// How long it takes to read what a server sends, and how much of it comes.
func TestPace(t *testing.T) {
	tests := []struct {
		name   string
		server server
		rest   time.Duration // of the reader, between two reads
		got    int
		slow   bool
		took   time.Duration
	}{
		{"nothing", server{every: time.Hour}, 0, 0, true, 30 * time.Second},
		{"the least that is enough", server{chunk: 16 << 10, chunks: 40, every: 7 * time.Second}, 0, 40 * 16 << 10, false, 41 * 7 * time.Second},
		{"a little less", server{chunk: 16 << 10, chunks: 40, every: 8 * time.Second}, 0, 3 * 16 << 10, true, 30 * time.Second},
		{"fast, then nothing", server{chunk: 64 << 10, chunks: 1, every: 25 * time.Second}, 0, 64 << 10, false, 50 * time.Second},
		{"little in all", server{chunk: 100, chunks: 2, every: 9 * time.Second}, 0, 200, false, 27 * time.Second},
		{"a reader that is slow itself", server{chunk: 1 << 10, chunks: 100, every: time.Millisecond}, time.Hour, 100 << 10, false, 101*time.Hour + 101*time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				got, err := readPaced(t, &tt.server, tt.rest)
				slow := failure.Of(err) != nil && failure.Of(err).Reason == v1alpha1.ReasonUnavailable
				if got != tt.got || slow != tt.slow || (err != nil) != tt.slow {
					t.Errorf("read %d bytes, %v; want %d, too slow %v", got, err, tt.got, tt.slow)
				}
				if took := time.Since(begun); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.server.ctx.Err() == nil {
					t.Error("the request is not over")
				}
			})
		})
	}
}

func readPaced(t *testing.T, s *server, rest time.Duration) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b.example/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&paced{inner: s, window: DefaultSlowAfter}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	buffer, got := make([]byte, 64<<10), 0
	for {
		n, err := resp.Body.Read(buffer)
		got += n
		time.Sleep(rest)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}
