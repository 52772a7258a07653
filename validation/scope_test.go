// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
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

const selfRefusal = `spec.selector.matchLabels: Forbidden: this selects wasmer's own pods, whose proxies would have to load the module through themselves: ` +
	`narrow the selector, or set the annotation wasm.tcm.io/allow-self to "true" if that is wanted`

func allowSelf(value string) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Annotations = map[string]string{v1alpha1.AnnotationAllowSelf: value} }
}

func TestValidateMeshWide(t *testing.T) {
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
			if errs := validateMeshWide(tt.aw, tt.root); len(errs) > 0 {
				got = errs.ToAggregate().Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateSelf(t *testing.T) {
	wasmer := matching("app.kubernetes.io/name", "wasmer")
	tests := []struct {
		name, own, root string
		aw              *v1alpha1.AutoWasm
		want            string
	}{
		{"others", "wasmer", "mesh", autoWasm(inNamespace("wasmer")), ""},
		{"wasmer", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer), selfRefusal},
		{"every pod", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), matching()), selfRefusal},
		{"pods without a sidecar", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), matching("sidecar.istio.io/inject", "false")), selfRefusal},
		{"both labels", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), matching("app.kubernetes.io/name", "wasmer", "sidecar.istio.io/inject", "false")), selfRefusal},
		{"more labels than wasmer has", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), matching("app.kubernetes.io/name", "wasmer", "tier", "x")), ""},
		{"another value", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), matching("app.kubernetes.io/name", "istiod")), ""},
		{"wasmer from the root", "wasmer", "mesh", autoWasm(inNamespace("mesh"), wasmer), selfRefusal},
		{"the same labels elsewhere", "wasmer", "mesh", autoWasm(wasmer), ""},
		{"every gateway", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), matching(), filter(func(f *v1alpha1.Filter) { f.Context = v1alpha1.Gateway })), ""},
		{"what goes out", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer, filter(func(f *v1alpha1.Filter) { f.Context = v1alpha1.Outbound })), selfRefusal},
		{"with permission", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer, allowSelf("true")), ""},
		{"with half a permission", "wasmer", "mesh", autoWasm(inNamespace("wasmer"), wasmer, allowSelf("yes")), selfRefusal},
		{"with another permission", "wasmer", "mesh", autoWasm(inNamespace("mesh"), wasmer, allowMeshWide("true")), selfRefusal},
		{"nothing is known", "", "", autoWasm(inNamespace(""), wasmer), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if errs := validateSelf(tt.aw, Options{OwnNamespace: tt.own, RootNamespace: tt.root}); len(errs) > 0 {
				got = errs.ToAggregate().Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Validate holds an object to both rules, and ValidateScope to no others.
func TestValidateScope(t *testing.T) {
	o := Options{OwnNamespace: "wasmer", RootNamespace: "istio-system"}
	both := autoWasm(inNamespace("istio-system"), matching(), withPorts(0))
	want := []string{meshWideRefusal, selfRefusal}
	if diff := cmp.Diff(want, texts(ValidateScope(both, o))); diff != "" {
		t.Errorf("ValidateScope (-want +got):\n%s", diff)
	}
	errs, _ := Validate(both, o)
	want = append(want, "spec.filter.applyPorts[0]: Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports")
	if diff := cmp.Diff(want, texts(errs)); diff != "" {
		t.Errorf("Validate (-want +got):\n%s", diff)
	}
}

func TestScopeWarnings(t *testing.T) {
	tests := []struct {
		name string
		aw   *v1alpha1.AutoWasm
		want []string
	}{
		{"selected pods", autoWasm(), nil},
		{"every pod", autoWasm(matching()), []string{"spec.selector is empty: the filter runs in every proxy of namespace default"}},
		{"selected pods of the mesh", autoWasm(inNamespace("istio-system")), []string{"this is Istio's root namespace: the filter runs in the selected proxies of every namespace"}},
		{"the mesh", autoWasm(inNamespace("istio-system"), matching()), []string{"spec.selector is empty in Istio's root namespace: the filter runs in every proxy of the mesh"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := Validate(tt.aw, Options{RootNamespace: "istio-system"})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, line := range got {
				checkWarning(t, line)
			}
		})
	}
}

var blank = regexp.MustCompile(`\s+`)

// The API server's policy and validateMeshWide are one rule: they match the same
// annotation, and say the same.
func TestPolicySaysTheSame(t *testing.T) {
	policyYAML, bindingYAML, _ := strings.Cut(read(t, "../manifests/webhook/scope.yaml"), "\n---\n")
	var policy admissionregistrationv1.ValidatingAdmissionPolicy
	var binding admissionregistrationv1.ValidatingAdmissionPolicyBinding
	decodeManifest(t, policyYAML, &policy)
	decodeManifest(t, bindingYAML, &binding)
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

func TestOwnLabelsAreTheDeployments(t *testing.T) {
	var deployment appsv1.Deployment
	decodeManifest(t, read(t, "../manifests/workload/deployment.yaml"), &deployment)
	if diff := cmp.Diff(deployment.Spec.Template.Labels, ownLabels); diff != "" {
		t.Errorf("(-manifest +code):\n%s", diff)
	}
}

// The API server's policy and validateSelf are one rule.
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
