// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/sleep"
)

// filler puts modules into a store after a while, or fails.
type filler struct {
	store   *store.Store
	delay   time.Duration
	modules map[string][]byte
	err     error
	asked   atomic.Int32
}

func (f *filler) Fill(ctx context.Context, sha256 string) error {
	f.asked.Add(1)
	if err := sleep.For(ctx, f.delay); err != nil {
		return err
	}
	if data := f.modules[sha256]; data != nil {
		_, err := f.store.Put(ctx, bytes.NewReader(data), sha256, store.Claim{})
		return err
	}
	return f.err
}

var (
	wanted   = wasmtest.Module(wasmtest.Salt("wanted"))
	notFound = failure.Terminalf(v1alpha1.ReasonNotFound, "nothing names it: secret details")
)

func newFiller(t *testing.T) *filler {
	return &filler{store: newStore(t), modules: map[string][]byte{hashOf(wanted): wanted}, err: notFound}
}

// ask calls the handler without a network, so that it can be done in a bubble.
func ask(ctx context.Context, h http.Handler, sha256 string, header ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/wasm/"+sha256, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder
}

func TestAMissIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFiller(t)
		f.delay = time.Second
		server := serve.New(serve.Options{Store: f.store, Filler: f})
		var clients sync.WaitGroup
		for range 50 {
			clients.Go(func() {
				if got := ask(t.Context(), server, hashOf(wanted)); got.Code != 200 || !bytes.Equal(got.Body.Bytes(), wanted) {
					t.Errorf("%d %s", got.Code, got.Body)
				}
			})
		}
		clients.Wait()
	})
}

func TestAClientThatLeavesIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFiller(t)
		f.delay = 10 * time.Second
		server := serve.New(serve.Options{Store: f.store, Filler: f})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := ask(ctx, server, hashOf(wanted)); got.Code != 503 {
			t.Errorf("%d", got.Code)
		}
	})
}

// What cannot be had is 404, what may come is 503; details are not for clients.
func TestAFillThatFails(t *testing.T) {
	limited := &failure.Error{Reason: v1alpha1.ReasonRateLimited, RetryAfter: time.Minute, Err: errors.New("secret details")}
	tests := []struct {
		name       string
		err        error
		code       int
		retryAfter string
	}{
		{"terminal", notFound, 404, ""},
		{"transient", failure.Transientf(v1alpha1.ReasonUnavailable, "secret details"), 503, "1"},
		{"rate limited", limited, 503, "60"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFiller(t)
			f.err = tt.err
			got := ask(t.Context(), serve.New(serve.Options{Store: f.store, Filler: f}), hashOf(nil))
			if got.Code != tt.code || got.Header().Get("Retry-After") != tt.retryAfter || bytes.Contains(got.Body.Bytes(), []byte("secret")) {
				t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
			}
		})
	}
}

// What comes into the store otherwise is served at once, refused before or not.
func TestARefusalDoesNotOutliveTheMiss(t *testing.T) {
	f := newFiller(t)
	f.modules = nil
	server := serve.New(serve.Options{Store: f.store, Filler: f})
	if got := ask(t.Context(), server, hashOf(wanted)); got.Code != 404 {
		t.Errorf("%d", got.Code)
	}
	put(t, f.store, wanted)
	if got := ask(t.Context(), server, hashOf(wanted)); got.Code != 200 {
		t.Errorf("%d", got.Code)
	}
}

func TestAPeerIsAnsweredFromDisk(t *testing.T) {
	f := newFiller(t)
	server := serve.New(serve.Options{Store: f.store, Filler: f})
	if got := ask(t.Context(), server, hashOf(wanted), peer.Header, "1"); got.Code != 404 || f.asked.Load() != 0 {
		t.Errorf("%d after %d fills", got.Code, f.asked.Load())
	}
	put(t, f.store, wanted)
	if got := ask(t.Context(), server, hashOf(wanted), peer.Header, "1"); got.Code != 200 {
		t.Errorf("%d", got.Code)
	}
}

func TestMetrics(t *testing.T) {
	f := newFiller(t)
	registry := prometheus.NewRegistry()
	url := start(t, serve.Options{Store: f.store, Filler: f, Registry: registry})
	c := client(t, h1())
	for _, sha := range []string{hashOf(wanted), hashOf(wanted), hashOf(nil), "x"} {
		send(t, c, "GET", url+"/wasm/"+sha)
	}
	want := map[string]float64{
		"wasmer_module_requests_total/200": 2,
		"wasmer_module_requests_total/400": 1,
		"wasmer_module_requests_total/404": 1,
		"wasmer_module_sent_bytes_total":   float64(2*len(wanted) + len("no such module\n") + len("a module is named by its sha256, 64 lower-case hex digits\n")),
	}
	if diff := cmp.Diff(want, counters(t, registry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// counters are the values of a registry, by name and label.
func counters(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += "/" + label.GetValue()
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	return got
}

// A damaged file is noticed, and brought again.
func TestDamageIsRepaired(t *testing.T) {
	dir := t.TempDir()
	f := newFiller(t)
	var err error
	if f.store, err = store.Open(store.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	put(t, f.store, wanted)
	damage(t, dir)
	url := start(t, serve.Options{Store: f.store, Filler: f})
	response, err := http.Get(url + "/wasm/" + hashOf(wanted)) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, wanted) {
		t.Errorf("%s: %d bytes, %v", response.Status, len(got), err)
	}
}
