package webhook

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const selfRefusal = `spec.selector.matchLabels: Forbidden: this selects wasmer's own pods, whose proxies would have to load the module through themselves: ` +
	`narrow the selector, or set the annotation wasm.tcm.io/allow-self to "true" if that is wanted`

func allowSelf(value string) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Annotations = map[string]string{v1alpha1.AnnotationAllowSelf: value} }
}

func selecting(pairs ...string) change {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{}
		for i := 0; i < len(pairs); i += 2 {
			aw.Spec.Selector.MatchLabels[pairs[i]] = v1alpha1.LabelValue(pairs[i+1])
		}
	}
}

func TestValidateSelf(t *testing.T) {
	wasmer := selecting("app.kubernetes.io/name", "wasmer")
	tests := []struct {
		name, own, root string
		aw              *v1alpha1.AutoWasm
		want            string
	}{
		{"others", "wasmer", "mesh", autoWasm(inNamespace("wasmer")), ""},
		{"wasmer", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer), selfRefusal},
		{"every pod", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), selecting()), selfRefusal},
		{"pods without a sidecar", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), selecting("sidecar.istio.io/inject", "false")), selfRefusal},
		{"both labels", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), selecting("app.kubernetes.io/name", "wasmer", "sidecar.istio.io/inject", "false")), selfRefusal},
		{"more labels than wasmer has", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), selecting("app.kubernetes.io/name", "wasmer", "tier", "x")), ""},
		{"another value", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), selecting("app.kubernetes.io/name", "istiod")), ""},
		{"wasmer from the root", "wasmer", "mesh", autoWasm(inNamespace("mesh"), wasmer), selfRefusal},
		{"the same labels elsewhere", "wasmer", "mesh", autoWasm(wasmer), ""},
		{"every gateway", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), selecting(), filter(func(f *v1alpha1.Filter) { f.Context = v1alpha1.Gateway })), ""},
		{"what goes out", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer, filter(func(f *v1alpha1.Filter) { f.Context = v1alpha1.Outbound })), selfRefusal},
		{"with permission", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer, allowSelf("true")), ""},
		{"with half a permission", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer, allowSelf("yes")), selfRefusal},
		{"with another permission", "wasmer", "mesh", autoWasm(inNamespace("mesh"), wasmer, allowMeshWide("true")), selfRefusal},
		{"nothing is known", "", "", autoWasm(inNamespace(""), wasmer), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if errs := ValidateSelf(tt.aw, tt.own, tt.root); len(errs) > 0 {
				got = errs.ToAggregate().Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidatorRefusesSelf(t *testing.T) {
	refused, permitted := autoWasm(inNamespace("wasmer"), selecting()), autoWasm(inNamespace("wasmer"), selecting(), allowSelf("true"))
	for name, tt := range map[string]struct {
		operation admissionv1.Operation
		old, aw   *v1alpha1.AutoWasm
		allowed   bool
	}{
		"a create":           {admissionv1.Create, nil, refused, false},
		"a permitted create": {admissionv1.Create, nil, permitted, true},
		"an update that takes the permission away": {admissionv1.Update, permitted, refused, false},
		"an update that gives it":                  {admissionv1.Update, refused, permitted, true},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, tt.operation, tt.aw)
			if tt.old != nil {
				req = updateRequest(t, tt.old, tt.aw)
			}
			resp, _ := rooted(t, in("wasmer", req))
			if resp.Allowed != tt.allowed || !tt.allowed && !strings.Contains(resp.Result.Message, selfRefusal) {
				t.Errorf("allowed %v: %+v, want %v", resp.Allowed, resp.Result, tt.allowed)
			}
		})
	}
}

func TestOwnLabelsAreTheDeployments(t *testing.T) {
	var deployment appsv1.Deployment
	decodeManifest(t, read(t, "../manifests/workload/deployment.yaml"), &deployment)
	if diff := cmp.Diff(deployment.Spec.Template.Labels, ownLabels); diff != "" {
		t.Errorf("(-manifest +code):\n%s", diff)
	}
}

// The API server's policy and ValidateSelf are one rule.
func TestSelfPolicySaysTheSame(t *testing.T) {
	policyYAML, bindingYAML, _ := strings.Cut(read(t, "../manifests/webhook/self.yaml"), "\n---\n")
	var policy admissionregistrationv1.ValidatingAdmissionPolicy
	var binding admissionregistrationv1.ValidatingAdmissionPolicyBinding
	decodeManifest(t, policyYAML, &policy)
	decodeManifest(t, bindingYAML, &binding)
	if binding.Spec.PolicyName != policy.Name || len(policy.Spec.Validations) != 1 {
		t.Fatalf("binding of %q for policy %q with %d validations", binding.Spec.PolicyName, policy.Name, len(policy.Spec.Validations))
	}
	if diff := cmp.Diff(selfRefusal, policy.Spec.Validations[0].Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	variables := map[string]string{}
	for _, v := range policy.Spec.Variables {
		variables[v.Name] = blank.ReplaceAllString(v.Expression, " ")
	}
	var own []string
	for _, key := range slices.Sorted(maps.Keys(ownLabels)) {
		own = append(own, fmt.Sprintf("'%s': '%s'", key, ownLabels[key]))
	}
	if diff := cmp.Diff("{"+strings.Join(own, ", ")+"}", variables["own"]); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if !strings.Contains(variables["isAllowed"], "object.metadata.annotations['"+v1alpha1.AnnotationAllowSelf+"'] == 'true'") {
		t.Errorf("permission: %s", variables["isAllowed"])
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func decodeManifest(t *testing.T, manifest string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(manifest), into); err != nil {
		t.Fatal(err)
	}
}
