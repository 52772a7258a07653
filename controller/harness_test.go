// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

var (
	testKey    = types.NamespacedName{Namespace: "shop", Name: "test"}
	testTime   = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	testRender = render.Options{
		Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local",
		BaseURL: "http://wasmer.istio-system.svc.cluster.local:8081",
	}
	shaA = strings.Repeat("a", 64)
	shaB = strings.Repeat("b", 64)
)

const imageV1, imageV2 = "reg.example/filter:v1", "reg.example/filter:v2"

// autoWasm is a valid AutoWasm of generation 1, changed by the edits.
func autoWasm(edits ...func(*v1alpha1.AutoWasm)) *v1alpha1.AutoWasm {
	aw := &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: testKey.Namespace, Name: testKey.Name, UID: "uid-1", Generation: 1},
		Spec: v1alpha1.AutoWasmSpec{
			Selector: v1alpha1.WorkloadSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "details"}},
			Filter: v1alpha1.Filter{
				ApplyPorts: []v1alpha1.Port{9080},
				Source:     v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: imageV1, PullPolicy: v1alpha1.PullIfNotPresent}},
			},
		},
		Status: v1alpha1.AutoWasmStatus{ObservedGeneration: -1},
	}
	for _, edit := range edits {
		edit(aw)
	}
	return aw
}

func image(reference string, policy v1alpha1.PullPolicy) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Filter.Source = v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: reference, PullPolicy: policy}}
	}
}

func generation(n int64) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) { aw.Generation = n }
}

// sources is a Fetcher over modules in memory. Its tasks have ended.
type sources struct {
	mu       sync.Mutex
	modules  map[string]fetch.Module // by image, what it resolves to
	failures map[string]error        // by image
	store    map[string]module.Info
	peers    map[string]module.Info // what Fill finds
	ensured  []source.Request
	filled   []string
}

func newSources() *sources {
	return &sources{
		modules:  map[string]fetch.Module{imageV1: fetched(shaA), imageV2: fetched(shaB)},
		failures: map[string]error{},
		store:    map[string]module.Info{},
		peers:    map[string]module.Info{},
	}
}

func fetched(sha256 string) fetch.Module {
	return fetch.Module{Info: info(sha256), Reference: "reg.example/filter@sha256:" + sha256, FetchedAt: testTime}
}

func info(sha256 string) module.Info { return module.Info{SHA256: sha256, Size: 42, ABI: "0.2.1"} }

func (s *sources) Begin(_ context.Context, r source.Request) *fetch.Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.resolve(r.Exactly(source.Pin{Reference: r.Preferred}))
	if r.Preferred != "" && err != nil && failure.Of(err).Terminal {
		m, err = s.resolve(r)
	}
	return fetch.EndedTask(m, err)
}

// resolve knows every digest. What fails for a tag fails for the digests of its repository. The caller holds s.mu.
func (s *sources) resolve(r source.Request) (fetch.Module, error) {
	s.ensured = append(s.ensured, r)
	image := r.Source.Registry.Image
	repository, sha256, byDigest := strings.Cut(image, "@sha256:")
	m := s.modules[image]
	if byDigest {
		m = fetched(sha256)
	}
	for failing, err := range s.failures {
		if failing == image || (byDigest && strings.HasPrefix(failing, repository+":")) {
			return fetch.Module{}, err
		}
	}
	s.store[m.SHA256] = info(m.SHA256)
	return m, nil
}

func (s *sources) Lookup(sha256 string) (module.Info, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.store[sha256]
	return i, ok
}

func (s *sources) Fill(_ context.Context, sha256 string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filled = append(s.filled, sha256)
	i, ok := s.peers[sha256]
	if !ok {
		return failure.Terminalf(v1alpha1.ReasonNotFound, "no replica has %s", sha256)
	}
	s.store[sha256] = i
	return nil
}

func (s *sources) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ensured)
}

// harness runs the reconciler on a fake API server.
type harness struct {
	t       *testing.T
	client  client.WithWatch
	sources *sources
	events  *events.FakeRecorder
	options Options

	reconciler *reconciler

	writes  []string // in order, such as "create EnvoyFilter"
	failing int      // the number of the write that fails, counted from 1; 0 for none
	applied []*unstructured.Unstructured
	lives   int // reads of the API server itself

	enqueued []types.NamespacedName

	stale *v1alpha1.AutoWasm // what the cache says of the AutoWasm instead
	blind bool               // the cache has no EnvoyFilter
}

func newHarness(t *testing.T, objects ...client.Object) *harness {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), istiov1alpha3.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, sources: newSources(), events: events.NewFakeRecorder(100)}
	h.client = fake.NewClientBuilder().
		WithScheme(scheme).
		WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.AutoWasm{}).
		WithReturnManagedFields().
		WithInterceptorFuncs(h.interceptor()).
		Build()
	h.options = Options{
		Fetcher: h.sources,
		Render:  testRender,
		Events:  h.events,
		Now:     func() time.Time { return testTime },
	}
	h.start()
	return h
}

// start makes a reconciler with no memory, as after a restart of the server.
func (h *harness) start() {
	o := h.options.withDefaults()
	h.reconciler = newReconciler(h.client, cached{h}, live{h.client, h}, func(key types.NamespacedName) { h.enqueued = append(h.enqueued, key) }, o)
}

// cached reads as an informer's cache does, which may be behind.
type cached struct{ h *harness }

func (c cached) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if aw, ok := object.(*v1alpha1.AutoWasm); ok && c.h.stale != nil {
		c.h.stale.DeepCopyInto(aw)
		return nil
	}
	if _, ok := object.(*unstructured.Unstructured); ok && c.h.blind {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	return c.h.client.Get(ctx, key, object, opts...)
}

func (c cached) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.h.client.List(ctx, list, opts...)
}

// live counts the reads of the API server.
type live struct {
	client.Reader
	h *harness
}

func (l live) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	l.h.lives++
	return l.Reader.Get(ctx, key, object, opts...)
}

func (h *harness) interceptor() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return h.write("create", o, func() error { return c.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return h.write("update", o, func() error { return c.Update(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			return h.write("patch", o, func() error { return c.Patch(ctx, o, p, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return h.write("delete", o, func() error { return c.Delete(ctx, o, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, a runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			h.applied = append(h.applied, sent(h.t, a))
			return h.write("apply", nil, func() error { return c.Apply(ctx, a, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return h.write(sub, o, func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
	}
}

// sent is an applied configuration as it goes over the wire.
func sent(t *testing.T, a runtime.ApplyConfiguration) *unstructured.Unstructured {
	t.Helper()
	raw, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return u
}

var errInjected = apierrors.NewInternalError(errors.New("injected"))

func (h *harness) write(verb string, object client.Object, do func() error) error {
	kind := istio.EnvoyFilterKind
	if _, ok := object.(*v1alpha1.AutoWasm); ok {
		kind = v1alpha1.Kind
	}
	h.writes = append(h.writes, verb+" "+kind)
	if len(h.writes) == h.failing {
		return errInjected
	}
	return do()
}

// forgetWrites returns the writes up to now and starts to count again.
func (h *harness) forgetWrites() []string {
	writes := h.writes
	h.writes = nil
	return writes
}

// reconcile runs the reconciler once.
func (h *harness) reconcile() (reconcile.Result, error) {
	h.t.Helper()
	return h.reconciler.Reconcile(h.t.Context(), reconcile.Request{NamespacedName: testKey})
}

// mustReconcile fails the test on an error.
func (h *harness) mustReconcile() reconcile.Result {
	h.t.Helper()
	result, err := h.reconcile()
	if err != nil {
		h.t.Fatalf("reconcile: %v", err)
	}
	return result
}

func (h *harness) autoWasm() *v1alpha1.AutoWasm {
	h.t.Helper()
	var aw v1alpha1.AutoWasm
	if err := h.client.Get(h.t.Context(), testKey, &aw); err != nil {
		h.t.Fatal(err)
	}
	return &aw
}

// envoyFilter returns the EnvoyFilter in the cluster, nil when there is none.
func (h *harness) envoyFilter() *unstructured.Unstructured {
	h.t.Helper()
	ef, err := readEnvoyFilter(h.t.Context(), h.client, testKey)
	if err != nil {
		h.t.Fatal(err)
	}
	return ef
}

// edit changes the AutoWasm as a user does: its generation goes up.
func (h *harness) edit(edits ...func(*v1alpha1.AutoWasm)) {
	h.t.Helper()
	aw := h.autoWasm()
	aw.Generation++
	for _, edit := range edits {
		edit(aw)
	}
	if err := h.client.Update(h.t.Context(), aw, client.FieldOwner("kubectl")); err != nil {
		h.t.Fatal(err)
	}
	h.forgetWrites()
}

// invalidate breaks a rule of package validation.
func invalidate(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.ApplyPorts = []v1alpha1.Port{0} }

// stage does what admission does: it creates the EnvoyFilter for aw and the module, without an owner and for no proxy.
func (h *harness) stage(aw *v1alpha1.AutoWasm, sha256 string) *unstructured.Unstructured {
	h.t.Helper()
	ef, err := wantedEnvoyFilter(aw, &v1alpha1.ModuleStatus{SHA256: sha256, Reference: fetched(sha256).Reference}, 0, testRender)
	if err != nil {
		h.t.Fatal(err)
	}
	ef.SetOwnerReferences(nil)
	if err := render.Stage(ef, "705ab4f5"); err != nil {
		h.t.Fatal(err)
	}
	if err := h.client.Create(h.t.Context(), ef, client.FieldOwner(render.FieldManager)); err != nil {
		h.t.Fatal(err)
	}
	h.forgetWrites()
	return ef
}

// foreign creates a foreign EnvoyFilter of the AutoWasm's name.
func (h *harness) foreign() *unstructured.Unstructured {
	h.t.Helper()
	ef := istio.NewEnvoyFilter()
	ef.SetNamespace(testKey.Namespace)
	ef.SetName(testKey.Name)
	if err := h.client.Create(h.t.Context(), ef, client.FieldOwner("kubectl")); err != nil {
		h.t.Fatal(err)
	}
	h.forgetWrites()
	return h.envoyFilter()
}

// announced returns the Events up to now.
func (h *harness) announced() []string {
	var out []string
	for {
		select {
		case e := <-h.events.Events:
			out = append(out, strings.Join(strings.Fields(e)[:2], " "))
		default:
			return out
		}
	}
}

// expect compares what the reconciler came to, in short.
func (h *harness) expect(phase v1alpha1.Phase, ready, reason string) {
	h.t.Helper()
	status := h.autoWasm().Status
	c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if c == nil {
		h.t.Fatalf("no Ready condition in %+v", status)
	}
	got := fmt.Sprintf("%s %s %s", status.Phase, c.Status, c.Reason)
	if want := fmt.Sprintf("%s %s %s", phase, ready, reason); got != want {
		h.t.Errorf("status = %q (%s), want %q", got, status.Message, want)
	}
}

// owner returns the ownerReference that makes an EnvoyFilter the child of aw.
func owner(aw *v1alpha1.AutoWasm) metav1.OwnerReference {
	return *metav1.NewControllerRef(aw, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
}
