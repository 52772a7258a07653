package fill_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/fill"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/istio"
)

var (
	wanted    = wasmtest.Module(wasmtest.Salt("wanted"))
	sha       = hashOf(wanted)
	reference = "reg.example/x@sha256:" + hashOf([]byte("manifest"))
)

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *store.Store, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), bytes.NewReader(data), ""); err != nil {
		t.Fatal(err)
	}
}

// autowasm names a module in its status.
func autowasm(name, sha256, reference string, s v1alpha1.Source) *v1alpha1.AutoWasm {
	return &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       v1alpha1.AutoWasmSpec{Secret: "secret-of-" + name, Filter: v1alpha1.Filter{Source: s}},
		Status:     v1alpha1.AutoWasmStatus{Module: &v1alpha1.ModuleStatus{SHA256: sha256, Reference: reference}},
	}
}

func registry() v1alpha1.Source {
	return v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: "reg.example/x:v1"}}
}

func object(url string) v1alpha1.Source {
	return v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url}}
}

// envoyFilter names a module in its annotations.
func envoyFilter(name, sha256, reference string) *unstructured.Unstructured {
	ef := &unstructured.Unstructured{}
	ef.SetAPIVersion(istio.EnvoyFilterAPIVersion)
	ef.SetKind(istio.EnvoyFilterKind)
	ef.SetNamespace("ns")
	ef.SetName(name)
	ef.SetLabels(map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	ef.SetAnnotations(map[string]string{v1alpha1.AnnotationModule: sha256, v1alpha1.AnnotationReference: reference})
	return ef
}

// cluster is a client with the objects, and the index as a manager's cache has it.
func cluster(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	filter := schema.FromAPIVersionAndKind(istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind)
	scheme.AddKnownTypeWithName(filter, &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(filter.GroupVersion().WithKind(filter.Kind+"List"), &unstructured.UnstructuredList{})
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := fill.IndexModules(t.Context(), indexer{builder}); err != nil {
		t.Fatal(err)
	}
	return builder.Build()
}

type indexer struct{ *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, object client.Object, field string, fn client.IndexerFunc) error {
	i.WithIndex(object, field, fn)
	return nil
}

// sources answers requests as a Fetcher does.
type sources struct {
	store *store.Store
	give  func(r source.Request) ([]byte, error)

	mu    sync.Mutex
	asked []source.Request
}

func (s *sources) Ensure(ctx context.Context, r source.Request) (fetch.Module, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	data, err := s.give(r)
	if err != nil {
		return fetch.Module{}, err
	}
	info, err := s.store.Put(ctx, bytes.NewReader(data), "")
	return fetch.Module{SHA256: info.SHA256, Reference: "the source"}, err
}

type fixture struct {
	*fill.Filler
	*sources
}

func newFixture(t *testing.T, reader client.Reader, siblings ...string) *fixture {
	s := &sources{store: newStore(t), give: func(source.Request) ([]byte, error) { return wanted, nil }}
	return &fixture{sources: s, Filler: fill.New(fill.Options{
		Store: s.store, Fetcher: s, Reader: reader, PeerTimeout: 500 * time.Millisecond,
		Peers: func(context.Context) ([]string, error) { return siblings, nil },
	})}
}

func (f *fixture) expect(t *testing.T, has bool, asked ...source.Request) {
	t.Helper()
	if _, ok := f.store.Lookup(sha); ok != has {
		t.Errorf("the store has it: %v", ok)
	}
	if diff := cmp.Diff(asked, f.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// sibling is another replica, on a store with the given modules.
func sibling(t *testing.T, modules ...[]byte) string {
	t.Helper()
	s := newStore(t)
	for _, data := range modules {
		put(t, s, data)
	}
	return httpServer(t, serve.New(serve.Options{Store: s, Filler: forbidden{t}}))
}

// forbidden proves that replicas do not have each other fill.
type forbidden struct{ t *testing.T }

func (f forbidden) Fill(context.Context, string) error {
	f.t.Error("a replica fills for another")
	return errors.New("no")
}

func httpServer(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func pinned(name string) source.Request {
	byDigest := v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: reference}}
	return source.Request{Namespace: "ns", Name: name, Source: byDigest, Secret: "secret-of-" + name}
}

// broken is a client whose lists fail.
func broken(t *testing.T) client.Client {
	return interceptor.NewClient(cluster(t), interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errors.New("not synced")
	}})
}
