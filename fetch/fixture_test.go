// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/sleep"
)

// registry stands for the sources. Unlike a real registry it runs within a
// testing/synctest bubble, and counts and delays as the test says.
type registry struct {
	mu       sync.Mutex
	modules  map[string][]byte // by repository: what its tags point to
	password string            // what a Secret must be named to be let in; "" lets all in
	mutable  bool              // resolves to an identity that says nothing of the bytes
	declared string            // the module's hash as the request declared it
	secrets  map[string]string // resourceVersion of a Secret, by name

	onResolve func(ctx context.Context, r source.Request) error
	onOpen    func(ctx context.Context, r source.Request) error

	resolves, opens, opening, mostOpening int
	asked                                 []source.Request // in the order of their resolution
}

func (s *registry) Resolve(ctx context.Context, r source.Request) (*source.Resolved, error) {
	s.count(func() { s.resolves++; s.asked = append(s.asked, r) })
	if s.onResolve != nil {
		if err := s.onResolve(ctx, r); err != nil {
			return nil, err
		}
	}
	if s.password != "" && r.Secret != s.password {
		return nil, failure.Terminalf(v1alpha1.ReasonUnauthorized, "no")
	}
	s.mu.Lock()
	data := s.modules[repository(r)]
	s.mu.Unlock()
	if data == nil {
		return nil, failure.Terminalf(v1alpha1.ReasonNotFound, "no %s", repository(r))
	}
	reference := digestFor(repository(r), data)
	return &source.Resolved{Reference: reference, Key: reference, SHA256: s.declared, Immutable: !s.mutable, Open: func(ctx context.Context) (io.ReadCloser, error) {
		return s.open(ctx, r, data)
	}}, nil
}

func (s *registry) open(ctx context.Context, r source.Request, data []byte) (io.ReadCloser, error) {
	s.count(func() { s.opens++; s.opening++; s.mostOpening = max(s.mostOpening, s.opening) })
	defer s.count(func() { s.opening-- })
	if s.onOpen != nil {
		if err := s.onOpen(ctx, r); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *registry) set(repository string, data []byte) {
	s.count(func() { s.modules[repository] = data })
}

func (s *registry) count(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *registry) counts() (resolves, opens int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resolves, s.opens
}

func (s *registry) Fingerprint(_ context.Context, r source.Request) (string, error) {
	if r.Secret == "missing" {
		return "", failure.Transientf(v1alpha1.ReasonSecretNotFound, "no Secret %s", r.Secret)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.Secret + s.secrets[r.Secret], nil
}

func repository(r source.Request) string {
	switch {
	case r.Source.Object != nil:
		return r.Source.Object.URL
	case r.Source.ConfigMap != nil:
		return "configmap/" + r.Source.ConfigMap.Name
	}
	image := r.Source.Registry.Image
	name := image[strings.LastIndex(image, "/")+1:]
	return strings.TrimSuffix(image, name) + name[:strings.IndexAny(name+":", ":@")]
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// image is a request for an image, in namespace "ns".
func image(reference string, change ...func(*source.Request)) source.Request {
	r := source.Request{Namespace: "ns", Name: "test", Source: v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: reference, PullPolicy: v1alpha1.PullIfNotPresent}}}
	for _, c := range change {
		c(&r)
	}
	return r
}

func always(r *source.Request) { r.Source.Registry.PullPolicy = v1alpha1.PullAlways }

func as(namespace, secret string) func(*source.Request) {
	return func(r *source.Request) { r.Namespace, r.Secret = namespace, secret }
}

// fixture is a Fetcher on a store of its own.
type fixture struct {
	*fetch.Fetcher
	*registry
	t     *testing.T
	store *store.Store
}

// x is an image whose module is moduleX; the registry does not have that of moduleY.
const x = "reg.example/x:v1"

var (
	moduleX, moduleY = wasmtest.Module(wasmtest.Salt("x")), wasmtest.Module(wasmtest.Salt("y"))
	digestX, digestY = digestFor("reg.example/x", moduleX), digestFor("reg.example/y", moduleY)
)

// digestFor is what an image with a module is resolved to.
func digestFor(repository string, data []byte) string {
	return repository + "@sha256:" + hashOf(append([]byte("manifest"), data...))
}

func newFixture(t *testing.T, change ...func(*fetch.Options)) *fixture {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{secrets: map[string]string{}, modules: map[string][]byte{"reg.example/x": moduleX}}
	f := &fixture{registry: r, t: t, store: s}
	f.restart(change...)
	return f
}

// restart replaces the Fetcher by a new one on the same store.
func (f *fixture) restart(change ...func(*fetch.Options)) {
	o := fetch.Options{Store: f.store, Sources: f.registry}
	for _, c := range change {
		c(&o)
	}
	f.Fetcher = fetch.New(o)
}

func (f *fixture) ensure(r source.Request) fetch.Module {
	f.t.Helper()
	m, err := f.Ensure(f.t.Context(), r)
	if err != nil {
		f.t.Fatalf("Ensure: %v", err)
	}
	return m
}

// refused expects a failure.
func (f *fixture) refused(r source.Request, reason v1alpha1.Reason, terminal bool) *failure.Error {
	f.t.Helper()
	_, err := f.Ensure(f.t.Context(), r)
	if err == nil {
		f.t.Fatalf("Ensure succeeded, want %s", reason)
	}
	got := failure.Of(err)
	if got.Reason != reason || got.Terminal != terminal {
		f.t.Fatalf("Ensure = %v (%s, terminal %v), want %s, %v", err, got.Reason, got.Terminal, reason, terminal)
	}
	return got
}

// gaveUp expects that the request is still under way when the time is over.
func (f *fixture) gaveUp(r source.Request, within time.Duration) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), within)
	defer cancel()
	_, err := f.Ensure(ctx, r)
	if got := failure.Of(err); err == nil || got.Reason != v1alpha1.ReasonPending || got.Terminal {
		f.t.Fatalf("Ensure = %v, want Pending", err)
	}
}

func (f *fixture) expect(resolves, opens int) {
	f.t.Helper()
	if r, o := f.counts(); r != resolves || o != opens {
		f.t.Errorf("%d resolutions and %d downloads, want %d and %d", r, o, resolves, opens)
	}
}

func (f *fixture) expectMostOpening(want int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mostOpening != want {
		f.t.Errorf("%d downloads at once, want %d", f.mostOpening, want)
	}
}

func slow(d time.Duration) func(context.Context, source.Request) error {
	return func(ctx context.Context, _ source.Request) error { return sleep.For(ctx, d) }
}
