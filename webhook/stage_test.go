// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/render/rendertest"
)

var renderOptions = render.Options{
	Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local",
	BaseURL: "http://wasmer.istio-system.svc.cluster.local:8081",
}

// cluster is an API server's worth of EnvoyFilters, in which every namespace exists.
func cluster(funcs interceptor.Funcs) client.Client {
	if funcs.Get == nil {
		funcs.Get = getAnyNamespace
	}
	if funcs.Create == nil {
		funcs.Create = createAsTheAPIServer
	}
	return fake.NewClientBuilder().WithScheme(runtime.NewScheme()).WithReturnManagedFields().WithInterceptorFuncs(funcs).Build()
}

func getAnyNamespace(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if _, ok := o.(*metav1.PartialObjectMetadata); ok {
		return nil
	}
	return c.Get(ctx, key, o, opts...)
}

// createAsTheAPIServer finds a name taken in a dry run too, which the fake does not.
func createAsTheAPIServer(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	existing := foreignEnvoyFilter()
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), existing); err == nil {
		return apierrors.NewAlreadyExists(envoyFilterResource, o.GetName())
	}
	return c.Create(ctx, o, opts...)
}

func stagingValidator(c client.Client, stage bool) admission.Handler {
	return newValidator(Options{Client: c, Reader: c, Fetcher: &stubFetcher{}, Render: renderOptions, Stage: stage, metrics: newMetrics(prometheus.NewRegistry())})
}

// rendered is the EnvoyFilter that aw should have.
func rendered(t *testing.T, aw *v1alpha1.AutoWasm) *unstructured.Unstructured {
	t.Helper()
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: moduleSHA256, Reference: prepared.Reference}, renderOptions)
	if err != nil {
		t.Fatal(err)
	}
	return ef
}

// foreignEnvoyFilter is of another origin, and has the name that ours would have.
func foreignEnvoyFilter() *unstructured.Unstructured {
	ef := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"priority": int64(7)}}}
	ef.SetGroupVersionKind(envoyFilterKind)
	ef.SetNamespace("default")
	ef.SetName("test")
	return ef
}

func create(t *testing.T, c client.Client, ef *unstructured.Unstructured, manager string) {
	t.Helper()
	if err := c.Create(t.Context(), ef.DeepCopy(), client.FieldOwner(manager)); err != nil {
		t.Fatalf("create the EnvoyFilter: %v", err)
	}
}

// stored are the EnvoyFilters of the cluster, without what the API server adds.
func stored(t *testing.T, c client.Client) []unstructured.Unstructured {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(envoyFilterKind.GroupVersion().WithKind("EnvoyFilterList"))
	if err := c.List(t.Context(), list); err != nil {
		t.Fatalf("list EnvoyFilters: %v", err)
	}
	for i := range list.Items {
		list.Items[i].SetManagedFields(nil)
		list.Items[i].SetResourceVersion("")
	}
	return list.Items
}

// stageResult is what of a response is about the EnvoyFilter.
type stageResult struct {
	Denied   string
	Warnings []string
	Outcome  string
}

func stageResultOf(handler admission.Handler, t *testing.T, req admission.Request) stageResult {
	t.Helper()
	resp := handler.Handle(t.Context(), req)
	g := stageResult{Warnings: resp.Warnings, Outcome: resp.AuditAnnotations[auditEnvoyFilter]}
	if !resp.Allowed {
		g.Denied = resp.Result.Details.Causes[0].Field + ": " + resp.Result.Details.Causes[0].Message
	}
	for _, line := range resp.Warnings {
		checkWarning(t, line)
	}
	return g
}

func TestCreateStages(t *testing.T) {
	c := cluster(interceptor.Funcs{})
	got := stageResultOf(stagingValidator(c, true), t, requestFor(t, admissionv1.Create, autoWasm()))
	if diff := cmp.Diff(stageResult{Outcome: "Staged"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	want := rendered(t, autoWasm())
	if err := unstructured.SetNestedField(want.Object, "705ab4f5-6393-11e8-b7cc-42010a800002", "spec", "workloadSelector", "labels", "wasm.tcm.io/staged"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]unstructured.Unstructured{*want}, stored(t, c)); diff != "" {
		t.Errorf("EnvoyFilters (-want +got):\n%s", diff)
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(envoyFilterKind)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(autoWasm()), live); err != nil {
		t.Fatal(err)
	}
	if !render.IsOurs(live, autoWasm()) || !render.IsStaged(live) {
		t.Errorf("the staged EnvoyFilter is not to be adopted: %v", live.Object["metadata"])
	}
}

// What admission stages is what is rendered, for no proxy.
func TestCreateStagesWhatIsRendered(t *testing.T) {
	for _, c := range rendertest.Cases(t, "../render/testdata") {
		t.Run(c.Name, func(t *testing.T) {
			sent := ""
			funcs := interceptor.Funcs{Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
				ef := o.(*unstructured.Unstructured)
				unstage(t, ef)
				sent = rendertest.YAML(t, ef)
				return nil
			}}
			resolved := fetch.Module{Info: module.Info{SHA256: c.Module.SHA256}, Reference: c.Module.Reference}
			p := &stubFetcher{ensure: func(context.Context) (fetch.Module, error) { return resolved, nil }}
			v := newValidator(Options{Client: cluster(funcs), Fetcher: p, Render: rendertest.Options, Stage: true, metrics: newMetrics(prometheus.NewRegistry())})
			c.AutoWasm.TypeMeta = autoWasm().TypeMeta
			req := in(c.AutoWasm.Namespace, requestFor(t, admissionv1.Create, c.AutoWasm))
			req.Name = c.AutoWasm.Name
			if resp := v.Handle(t.Context(), req); !resp.Allowed {
				t.Fatalf("denied: %+v", resp.Result)
			}
			if diff := cmp.Diff(c.Want, sent); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// unstage takes away what keeps proxies from taking ef, and a selector that had nothing else.
func unstage(t *testing.T, ef *unstructured.Unstructured) {
	t.Helper()
	selector, _, err := unstructured.NestedStringMap(ef.Object, "spec", "workloadSelector", "labels")
	if err != nil || selector[v1alpha1.LabelStaged] == "" {
		t.Errorf("a proxy may take what is staged: selector %v, %v", selector, err)
	}
	delete(selector, v1alpha1.LabelStaged)
	if len(selector) == 0 {
		unstructured.RemoveNestedField(ef.Object, "spec", "workloadSelector")
		return
	}
	if err := unstructured.SetNestedStringMap(ef.Object, selector, "spec", "workloadSelector", "labels"); err != nil {
		t.Fatal(err)
	}
}

func TestDryRunsLeaveNothing(t *testing.T) {
	unnamed := requestFor(t, admissionv1.Create, autoWasm())
	unnamed.Name = ""
	tests := []struct {
		name  string
		stage bool
		req   admission.Request
		want  stageResult
	}{
		{"a dry run", true, dryRun(requestFor(t, admissionv1.Create, autoWasm())), stageResult{Outcome: "DryRun"}},
		{"staging is off", false, requestFor(t, admissionv1.Create, autoWasm()), stageResult{Outcome: "DryRun"}},
		{"an update of what has no EnvoyFilter", true, updateRequest(t, autoWasm(), autoWasm(withPorts(80))), stageResult{Outcome: "DryRun"}},
		{"a name still to be generated", true, unnamed, stageResult{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(interceptor.Funcs{})
			if diff := cmp.Diff(tt.want, stageResultOf(stagingValidator(c, tt.stage), t, tt.req)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if left := stored(t, c); len(left) > 0 {
				t.Errorf("EnvoyFilters were left behind: %v", left)
			}
		})
	}
}

func TestCreateMeetsAnEnvoyFilter(t *testing.T) {
	const denial = `metadata.name: Invalid value: "test": EnvoyFilter default/test exists already and was not generated for this AutoWasm: choose another name, or delete that EnvoyFilter`
	copied := rendered(t, autoWasm())
	tests := []struct {
		name     string
		existing *unstructured.Unstructured
		manager  string
		want     stageResult
	}{
		{"a foreign one", foreignEnvoyFilter(), "kubectl", stageResult{Denied: denial, Outcome: "Foreign"}},
		{"a hand-made copy of ours", copied, "kubectl", stageResult{Denied: denial, Outcome: "Foreign"}},
		{"ours, from before", rendered(t, autoWasm(withPorts(1))), render.FieldManager, stageResult{Outcome: "Exists"}},
	}
	for _, tt := range tests {
		for _, mode := range []string{"staging", "dry run", "no staging"} {
			t.Run(tt.name+", "+mode, func(t *testing.T) {
				c := cluster(interceptor.Funcs{})
				create(t, c, tt.existing, tt.manager)
				req := requestFor(t, admissionv1.Create, autoWasm())
				if mode == "dry run" {
					req = dryRun(req)
				}
				if diff := cmp.Diff(tt.want, stageResultOf(stagingValidator(c, mode != "no staging"), t, req)); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]unstructured.Unstructured{*tt.existing}, stored(t, c)); diff != "" {
					t.Errorf("the EnvoyFilter was touched (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A name that is taken, and free again before the EnvoyFilter is read.
func TestCreateMeetsAnEnvoyFilterThatGoes(t *testing.T) {
	c := cluster(interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
		return apierrors.NewAlreadyExists(envoyFilterResource, "test")
	}})
	if diff := cmp.Diff(stageResult{Outcome: "Conflict"}, stageResultOf(stagingValidator(c, true), t, requestFor(t, admissionv1.Create, autoWasm()))); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// The whole of the new EnvoyFilter is put before the API server, as a change of what
// is there, and none of it is stored.
func TestUpdateIsADryRun(t *testing.T) {
	var tried *unstructured.Unstructured
	c := cluster(interceptor.Funcs{Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
		tried = o.DeepCopyObject().(*unstructured.Unstructured)
		return c.Update(ctx, o, opts...)
	}})
	old := autoWasm()
	ours := rendered(t, old)
	ours.SetLabels(labels.Merge(ours.GetLabels(), map[string]string{"team": "theirs"}))
	create(t, c, ours, render.FieldManager)

	changedAW := autoWasm(withPorts(80))
	changedAW.Generation = 2
	got := stageResultOf(stagingValidator(c, true), t, updateRequest(t, old, changedAW))
	if diff := cmp.Diff(stageResult{Outcome: "DryRun"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]unstructured.Unstructured{*ours}, stored(t, c)); diff != "" {
		t.Errorf("the EnvoyFilter was changed (-want +got):\n%s", diff)
	}
	want := rendered(t, changedAW)
	want.SetLabels(labels.Merge(want.GetLabels(), map[string]string{"team": "theirs"}))
	tried.SetManagedFields(nil)
	tried.SetResourceVersion("")
	if diff := cmp.Diff(want, tried); diff != "" {
		t.Errorf("the EnvoyFilter of the dry run (-want +got):\n%s", diff)
	}
}

// An update of an AutoWasm that has been stalled by a foreign EnvoyFilter from the
// start makes nothing worse.
func TestUpdateMeetsAForeignEnvoyFilter(t *testing.T) {
	c := cluster(interceptor.Funcs{})
	create(t, c, foreignEnvoyFilter(), "kubectl")
	got := stageResultOf(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
	want := stageResult{Outcome: "Foreign", Warnings: []string{"EnvoyFilter test was not generated for this AutoWasm and is left alone: the filter does not run"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]unstructured.Unstructured{*foreignEnvoyFilter()}, stored(t, c)); diff != "" {
		t.Errorf("the foreign EnvoyFilter was touched (-want +got):\n%s", diff)
	}
}

func TestUpdateMeetsTheController(t *testing.T) {
	c := cluster(interceptor.Funcs{Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
		return apierrors.NewConflict(envoyFilterResource, "test", nil)
	}})
	create(t, c, rendered(t, autoWasm()), render.FieldManager)
	got := stageResultOf(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
	if diff := cmp.Diff(stageResult{Outcome: "Conflict"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestUpdateCannotRead(t *testing.T) {
	c := cluster(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return apierrors.NewTimeoutError("slow", 1)
	}})
	got := stageResultOf(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
	want := stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: the API server did not answer in time"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
