// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/istio"
)

func put(t *testing.T, s *store.Store, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), bytes.NewReader(data), "", store.Claim{}); err != nil {
		t.Fatal(err)
	}
}

// autowasm references a module in its status.
func autowasm(name, sha256, reference string, s v1alpha1.Source) *v1alpha1.AutoWasm {
	return autowasmIn("ns", name, sha256, reference, s)
}

func autowasmIn(namespace, name, sha256, reference string, s v1alpha1.Source) *v1alpha1.AutoWasm {
	return &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.AutoWasmSpec{Secret: "secret-of-" + name, Filter: v1alpha1.Filter{Source: s}},
		Status:     v1alpha1.AutoWasmStatus{Module: &v1alpha1.ModuleStatus{SHA256: sha256, Reference: reference}},
	}
}

func registrySource(image string) v1alpha1.Source {
	return v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: image}}
}

func objectSource(url, sha256 string) v1alpha1.Source {
	return v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url, SHA256: sha256}}
}

// envoyFilter references a module in its annotations.
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
func cluster(objects ...client.Object) client.WithWatch {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	filter := schema.FromAPIVersionAndKind(istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind)
	scheme.AddKnownTypeWithName(filter, &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(filter.GroupVersion().WithKind(filter.Kind+"List"), &unstructured.UnstructuredList{})
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := fetch.IndexModules(context.Background(), indexer{builder}); err != nil {
		panic(err)
	}
	return builder.Build()
}

type indexer struct{ *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, object client.Object, field string, fn client.IndexerFunc) error {
	i.WithIndex(object, field, fn)
	return nil
}

// referencing gives a Fetcher a cluster with the objects.
func referencing(objects ...client.Object) func(*fetch.Options) {
	return func(o *fetch.Options) { o.Reader = cluster(objects...) }
}

// reading gives a Fetcher a cluster.
func reading(reader client.Reader) func(*fetch.Options) {
	return func(o *fetch.Options) { o.Reader = reader }
}

// peers gives a Fetcher peers.
func peers(urls ...string) func(*fetch.Options) {
	return func(o *fetch.Options) {
		o.PeerTimeout = 500 * time.Millisecond
		o.Peers = func(context.Context) ([]string, error) { return urls, nil }
	}
}

// fill expects that the store has the module afterwards.
func (f *fixture) fill(sha256 string) {
	f.t.Helper()
	if err := f.Fill(f.t.Context(), sha256); err != nil {
		f.t.Fatalf("Fill: %v", err)
	}
	if _, ok := f.Lookup(sha256); !ok {
		f.t.Error("the store does not have it")
	}
}

// notFilled expects a failure.
func (f *fixture) notFilled(sha256 string, reason v1alpha1.Reason, terminal bool) {
	f.t.Helper()
	err := f.Fill(f.t.Context(), sha256)
	if got := failure.Of(err); err == nil || got.Reason != reason || got.Terminal != terminal {
		f.t.Errorf("Fill = %v, want %s, terminal %v", err, reason, terminal)
	}
}

// fillGaveUp expects that the fill is still under way after a time.
func (f *fixture) fillGaveUp(sha256 string, after time.Duration) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), after)
	defer cancel()
	if err := f.Fill(ctx, sha256); err == nil || failure.Of(err).Reason != v1alpha1.ReasonPending {
		f.t.Errorf("Fill = %v, want Pending", err)
	}
}

// expectAsked compares what was asked of the sources.
func (f *fixture) expectAsked(want ...source.Request) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if diff := cmp.Diff(want, f.asked); diff != "" {
		f.t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// sibling is another replica, on a store with the given modules.
func sibling(t *testing.T, modules ...[]byte) string {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
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

// requestOf is the request of an AutoWasm.
func requestOf(name string, s v1alpha1.Source) source.Request {
	return source.Request{Namespace: "ns", Name: name, Source: s, Secret: "secret-of-" + name, Referenced: true}
}

// broken is a client whose lists fail.
func broken() client.Client {
	return interceptor.NewClient(cluster(), interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errors.New("not synced")
	}})
}
