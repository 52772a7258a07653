package webhook

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const meshWideRefusal = `metadata.namespace: Forbidden: istio-system is Istio's root namespace, so the filter would run in the proxies of every namespace: ` +
	`choose another namespace, or set the annotation wasm.tcm.io/allow-mesh-wide to "true" if that is wanted`

func inNamespace(name string) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Namespace = name }
}

func allowMeshWide(value string) change {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Annotations = map[string]string{v1alpha1.AnnotationAllowMeshWide: value}
	}
}

func TestValidateScope(t *testing.T) {
	tests := []struct {
		name, root string
		aw         *v1alpha1.AutoWasm
		want       string
	}{
		{"another namespace", "istio-system", autoWasm(), ""},
		{"the root", "istio-system", autoWasm(inNamespace("istio-system")), meshWideRefusal},
		{"the root with permission", "istio-system", autoWasm(inNamespace("istio-system"), allowMeshWide("true")), ""},
		{"the root with half a permission", "istio-system", autoWasm(inNamespace("istio-system"), allowMeshWide("True")), meshWideRefusal},
		{"the root with an empty permission", "istio-system", autoWasm(inNamespace("istio-system"), allowMeshWide("")), meshWideRefusal},
		{"another root", "mesh", autoWasm(inNamespace("istio-system")), ""},
		{"no root", "", autoWasm(inNamespace("istio-system")), ""},
		{"no root and no namespace", "", autoWasm(inNamespace("")), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if errs := ValidateScope(tt.aw, tt.root); len(errs) > 0 {
				got = errs.ToAggregate().Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestScopeWarnings(t *testing.T) {
	tests := []struct {
		name string
		aw   *v1alpha1.AutoWasm
		want []string
	}{
		{"selected pods", autoWasm(), nil},
		{"every pod", autoWasm(labels()), []string{"spec.selector is empty: the filter runs in every proxy of namespace default"}},
		{"selected pods of the mesh", autoWasm(inNamespace("istio-system")), []string{"this is Istio's root namespace: the filter runs in the selected proxies of every namespace"}},
		{"the mesh", autoWasm(inNamespace("istio-system"), labels()), []string{"spec.selector is empty in Istio's root namespace: the filter runs in every proxy of the mesh"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := validate(tt.aw, scope{root: "istio-system"})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, line := range got {
				checkWarning(t, line)
			}
		})
	}
}

// rooted asks a validator in a mesh whose root is mesh-root, and wasmer elsewhere.
func rooted(t *testing.T, req admission.Request) (admission.Response, bool) {
	t.Helper()
	p := &preparer{}
	v, generated := testValidator(p, Enforce)
	v.scope = scopeOf(Options{OwnNamespace: "wasmer", RootNamespace: "mesh-root"})
	resp := v.Handle(t.Context(), req)
	return resp, len(p.asked) > 0 || len(*generated) > 0
}

func in(namespace string, req admission.Request) admission.Request {
	req.Namespace = namespace
	return req
}

func TestValidatorRefusesTheRoot(t *testing.T) {
	root, permitted := autoWasm(inNamespace("mesh-root")), autoWasm(inNamespace("mesh-root"), allowMeshWide("true"))
	deleted := autoWasm(inNamespace("mesh-root"))
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	tests := []struct {
		name    string
		req     admission.Request
		allowed bool
	}{
		{"a create", request(t, admissionv1.Create, root), false},
		{"a permitted create", request(t, admissionv1.Create, permitted), true},
		{"an update that takes the permission away", updateRequest(t, permitted, root), false},
		{"an update that gives it", updateRequest(t, root, permitted), true},
		{"an update of a deleted object", updateRequest(t, permitted, deleted), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, _ := rooted(t, in("mesh-root", tt.req))
			want := strings.ReplaceAll(meshWideRefusal, "istio-system", "mesh-root")
			if resp.Allowed != tt.allowed || !tt.allowed && !strings.Contains(resp.Result.Message, want) {
				t.Errorf("allowed %v: %+v, want %v", resp.Allowed, resp.Result, tt.allowed)
			}
		})
	}
}

var blank = regexp.MustCompile(`\s+`)

// The API server's policy and ValidateScope are one rule: they match the same
// annotation, and say the same.
func TestPolicySaysTheSame(t *testing.T) {
	raw, err := os.ReadFile("../manifests/webhook/scope.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policyYAML, bindingYAML, _ := strings.Cut(string(raw), "\n---\n")
	var policy admissionregistrationv1.ValidatingAdmissionPolicy
	var binding admissionregistrationv1.ValidatingAdmissionPolicyBinding
	if err := yaml.UnmarshalStrict([]byte(policyYAML), &policy); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(bindingYAML), &binding); err != nil {
		t.Fatal(err)
	}
	if binding.Spec.PolicyName != policy.Name || len(policy.Spec.Validations) != 1 {
		t.Fatalf("binding of %q for policy %q with %d validations", binding.Spec.PolicyName, policy.Name, len(policy.Spec.Validations))
	}
	validation := policy.Spec.Validations[0]
	if diff := cmp.Diff(meshWideRefusal, validation.Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	want := `has(object.metadata.annotations) && 'KEY' in object.metadata.annotations && object.metadata.annotations['KEY'] == 'true'`
	want = strings.ReplaceAll(want, "KEY", v1alpha1.AnnotationAllowMeshWide)
	if diff := cmp.Diff(want, blank.ReplaceAllString(validation.Expression, " ")); diff != "" {
		t.Errorf("expression (-want +got):\n%s", diff)
	}
}
