package webhook

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/render"
)

// The whole of the new EnvoyFilter is put before the API server, as a change of what
// is there, and none of it is stored.
func TestUpdateRehearses(t *testing.T) {
	var tried *unstructured.Unstructured
	c := cluster(interceptor.Funcs{Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
		tried = o.DeepCopyObject().(*unstructured.Unstructured)
		return c.Update(ctx, o, opts...)
	}})
	old := autoWasm()
	ours := rendered(t, old)
	ours.SetLabels(merged(ours.GetLabels(), map[string]string{"team": "theirs"}))
	create(t, c, ours, render.FieldManager)

	changedAW := autoWasm(withPorts(80))
	changedAW.Generation = 2
	got := generatedBy(stagingValidator(c, true), t, updateRequest(t, old, changedAW))
	if diff := cmp.Diff(generated{Outcome: "rehearsed"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]unstructured.Unstructured{*ours}, stored(t, c)); diff != "" {
		t.Errorf("the EnvoyFilter was changed (-want +got):\n%s", diff)
	}
	want := rendered(t, changedAW)
	want.SetLabels(merged(want.GetLabels(), map[string]string{"team": "theirs"}))
	tried.SetManagedFields(nil)
	tried.SetResourceVersion("")
	if diff := cmp.Diff(want, tried); diff != "" {
		t.Errorf("the rehearsed EnvoyFilter (-want +got):\n%s", diff)
	}
}

// An update of an AutoWasm that has been stalled by a foreign EnvoyFilter from the
// start makes nothing worse.
func TestUpdateMeetsAForeignEnvoyFilter(t *testing.T) {
	c := cluster(interceptor.Funcs{})
	create(t, c, foreignEnvoyFilter(), "kubectl")
	got := generatedBy(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
	want := generated{Outcome: "foreign", Warnings: []string{"EnvoyFilter test was not generated for this AutoWasm and is left alone: the filter does not run"}}
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
	got := generatedBy(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
	if diff := cmp.Diff(generated{Outcome: "gone"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestUpdateCannotRead(t *testing.T) {
	c := cluster(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return apierrors.NewTimeoutError("slow", 1)
	}})
	got := generatedBy(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
	want := generated{Outcome: "failed", Warnings: []string{"the EnvoyFilter is left to the controller: the API server did not answer in time"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
