package webhook

import (
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/validation"
)

var annotated = map[string]string{v1alpha1.AnnotationDefaultPorts: "[8080]", v1alpha1.AnnotationDefaultSecret: "regcred"}

// The patch must make of the raw object what validation.Default makes of it, with
// additions alone, and the patched object must need none. That holds for objects that
// the schema will refuse, and those with fields that this version does not know.
func TestDefaulterPatches(t *testing.T) {
	handler := testDefaulter(t, namespace("default", annotated))
	for _, raw := range []string{
		bareRaw, withPortsRaw, fullRaw, objectRaw,
		`{"metadata":{"namespace":"default","name":"test"},"spec":{"newer":{"a":null},"filter":{"source":{"registry":{"image":"x","new":true}},"config":{"big":12345678901234567890.10,"html":"<&>","a/b~c":[null,1.0]}}}}`,
		`{"metadata":{"namespace":"default","generateName":"t-"},"spec":{"filter":{"source":{"registry":{"image":"x:v1"}}}}}`,
		`{"metadata":7,"spec":{"secret":"","filter":{"vmID":"","applyPorts":[],"source":{"registry":{"image":7,"pullPolicy":null}}}}}`,
		`{"metadata":[],"spec":{"filter":{"source":[],"vmID":7}}}`,
		`{"spec":{"filter":"x"}}`, `{"spec":[]}`, `{}`,
	} {
		want := decodeMap(t, raw)
		fields := validation.NamespaceFieldsOf(want, nil)
		defaults, _ := validation.NamespaceDefaultsOf("default", annotated, fields)
		filled := validation.Default(want, defaults)
		resp := handler.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(raw)))
		patched := applyPatch(t, raw, resp)
		if diff := cmp.Diff(want, decodeMap(t, patched)); diff != "" {
			t.Errorf("patched object (-want +got):\n%s", diff)
		}
		if len(filled) == 0 && (resp.Patches != nil || resp.PatchType != nil) {
			t.Errorf("an object that needs nothing got the patch %v", resp.Patches)
		}
		if again := handler.Handle(t.Context(), rawRequest(admissionv1.Create, []byte(patched))); again.Patches != nil {
			t.Errorf("the patched object got the patch %v", again.Patches)
		}
	}
}

func applyPatch(t *testing.T, raw string, resp admission.Response) string {
	t.Helper()
	if !resp.Allowed {
		t.Fatalf("denied: %+v", resp.Result)
	}
	for _, operation := range resp.Patches {
		if operation.Operation != "add" {
			t.Errorf("the patch has the operation %s", operation.Json())
		}
	}
	if resp.Patches == nil {
		return raw
	}
	patch, err := jsonpatch.DecodePatch(encode(t, resp.Patches))
	if err != nil {
		t.Fatalf("decode the patch: %v", err)
	}
	patched, err := patch.Apply([]byte(raw))
	if err != nil {
		t.Fatalf("apply the patch: %v", err)
	}
	return string(patched)
}

func TestPatchIsDeterministic(t *testing.T) {
	handler := testDefaulter(t, namespace("default", annotated))
	req := rawRequest(admissionv1.Create, []byte(`{"metadata":{"namespace":"default","name":"test"},"spec":{"filter":{"source":{"registry":{"image":"x"}}}}}`))
	want := string(encode(t, handler.Handle(t.Context(), req).Patches))
	for range 50 {
		if got := string(encode(t, handler.Handle(t.Context(), req).Patches)); got != want {
			t.Fatalf("patch = %s, before it was %s", got, want)
		}
	}
}
