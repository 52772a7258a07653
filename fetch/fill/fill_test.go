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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/failure"
	"github.com/autowasm/autowasm/fetch/fill"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/render"
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
	ef.SetAPIVersion(render.APIVersion)
	ef.SetKind(render.Kind)
	ef.SetNamespace("ns")
	ef.SetName(name)
	ef.SetLabels(map[string]string{render.LabelManagedBy: render.ManagedBy})
	ef.SetAnnotations(map[string]string{render.AnnotationModule: sha256, render.AnnotationReference: reference})
	return ef
}

// cluster is a client with the objects, and the index as a manager's cache has it.
func cluster(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, discovery} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	filter := schemaOf(render.APIVersion, render.Kind)
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
		Store: s.store, Fetcher: s, Reader: reader, SiblingTimeout: 500 * time.Millisecond,
		Siblings: func(context.Context) ([]string, error) { return siblings, nil },
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

func TestFillAsksTheSourcesOfWhoNamesTheModule(t *testing.T) {
	declared := v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "https://b.example/f", SHA256: sha}}
	configMap := v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "cm", Key: "k"}}
	other := hashOf(nil)
	request := func(s v1alpha1.Source) source.Request {
		return source.Request{Namespace: "ns", Name: "a", Source: s, Secret: "secret-of-a"}
	}
	tests := []struct {
		name    string
		objects []client.Object
		want    source.Request
	}{
		{"an image, by its digest", []client.Object{autowasm("a", sha, reference, registry())}, pinned("a")},
		{"an object, by its hash", []client.Object{autowasm("a", sha, "https://b.example/f", object("https://b.example/f"))}, request(declared)},
		{"a ConfigMap", []client.Object{autowasm("a", sha, "configmap/ns/cm/k", configMap)}, request(configMap)},
		{"an EnvoyFilter of an earlier generation", []client.Object{autowasm("a", other, "reg.example/x@sha256:new", registry()), envoyFilter("a", sha, reference)}, pinned("a")},
		{"an EnvoyFilter of another source", []client.Object{autowasm("a", other, "", object("https://b.example/f")), envoyFilter("a", sha, reference)}, pinned("a")},
		{"both", []client.Object{autowasm("a", sha, reference, registry()), envoyFilter("a", sha, reference)}, pinned("a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, cluster(t, tt.objects...))
			if err := f.Fill(t.Context(), sha); err != nil {
				t.Fatal(err)
			}
			f.expect(t, true, tt.want)
		})
	}
}

func TestFillLeavesObjectsOfTheCacheAlone(t *testing.T) {
	aw := autowasm("a", sha, "https://b.example/f", object("https://b.example/f"))
	reader := interceptor.NewClient(cluster(t), interceptor.Funcs{List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
		if l, ok := list.(*v1alpha1.AutoWasmList); ok {
			l.Items = []v1alpha1.AutoWasm{*aw}
		}
		return nil
	}})
	if err := newFixture(t, reader).Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	if aw.Spec.Filter.Source.Object.SHA256 != "" {
		t.Error("the object of the cache was changed")
	}
}

// One source that fails does not keep the next from being asked; if all fail, the
// failure that may pass is the answer.
func TestFillTriesAllSources(t *testing.T) {
	objects := []client.Object{autowasm("a", sha, reference, registry()), autowasm("b", sha, reference, registry())}
	tests := []struct {
		name     string
		answers  map[string]error
		reason   failure.Reason
		definite bool
	}{
		{"the second gives it", map[string]error{"a": failure.Definitef(failure.Unauthorized, "no")}, "", false},
		{"both refuse", map[string]error{"a": failure.Definitef(failure.Unauthorized, "no"), "b": failure.Definitef(failure.NotFound, "no")}, failure.Unauthorized, true},
		{"one may come back", map[string]error{"a": failure.Definitef(failure.Unauthorized, "no"), "b": failure.Indefinitef(failure.Unavailable, "503")}, failure.Unavailable, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, cluster(t, objects...))
			f.give = func(r source.Request) ([]byte, error) { return wanted, tt.answers[r.Name] }
			err := f.Fill(t.Context(), sha)
			f.expect(t, tt.reason == "", pinned("a"), pinned("b"))
			got := failure.Of(err)
			if tt.reason == "" && err != nil || tt.reason != "" && (got == nil || got.Reason != tt.reason || got.Definite != tt.definite) {
				t.Errorf("Fill = %v, want %q", err, tt.reason)
			}
		})
	}
}

func TestFillTakesNoOtherModule(t *testing.T) {
	f := newFixture(t, cluster(t, autowasm("a", sha, reference, registry())))
	f.give = func(source.Request) ([]byte, error) { return wasmtest.Module(wasmtest.Salt("moved")), nil }
	if got := failure.Of(f.Fill(t.Context(), sha)); got == nil || got.Reason != failure.DigestMismatch {
		t.Errorf("Fill = %v", got)
	}
}

func TestFillOfWhatNobodyNames(t *testing.T) {
	foreign := envoyFilter("foreign", sha, reference)
	foreign.SetLabels(nil)
	stranger := autowasm("foreign", hashOf(nil), "", registry())
	f := newFixture(t, cluster(t, foreign, stranger, envoyFilter("orphan", sha, reference)))
	if got := failure.Of(f.Fill(t.Context(), sha)); got == nil || got.Reason != failure.NotFound || !got.Definite {
		t.Errorf("Fill = %v", got)
	}
	f.expect(t, false)
}

// Proxies with an older configuration may ask for what is named no more.
func TestFillOfWhatOnlyAReplicaHas(t *testing.T) {
	f := newFixture(t, cluster(t), sibling(t, wanted))
	if err := f.Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	f.expect(t, true)
}

func TestStrangersCannotHammerTheReplicas(t *testing.T) {
	asked := 0
	url := httpServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusNotFound)
	}))
	f := newFixture(t, cluster(t), url)
	var last *failure.Error
	begun := time.Now()
	for i := range 500 {
		last = failure.Of(f.Fill(t.Context(), hashOf([]byte{byte(i), byte(i >> 8)})))
	}
	most := 50 + int(10*time.Since(begun).Seconds()) + 1
	if asked > most || asked < 50 || last.Reason != failure.RateLimited {
		t.Errorf("asked %d times, at most %d; last: %v", asked, most, last)
	}
}

func TestFillOfWhatIsThereAsksNobody(t *testing.T) {
	f := newFixture(t, cluster(t, autowasm("a", sha, reference, registry())), "http://127.0.0.1:1")
	put(t, f.store, wanted)
	if err := f.Fill(t.Context(), sha); err != nil {
		t.Fatal(err)
	}
	f.expect(t, true)
}

func TestFillWithoutACacheMayPass(t *testing.T) {
	if got := failure.Of(newFixture(t, broken(t)).Fill(t.Context(), sha)); got == nil || got.Definite || got.Reason != failure.Unavailable {
		t.Errorf("Fill = %v", got)
	}
}

// broken is a client whose lists fail.
func broken(t *testing.T) client.Client {
	return interceptor.NewClient(cluster(t), interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errors.New("not synced")
	}})
}
