package webhook

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestValidatorRefusesSelf(t *testing.T) {
	refused, permitted := autoWasm(inNamespace("wasmer"), selectingAll), autoWasm(inNamespace("wasmer"), selectingAll, allow(v1alpha1.AnnotationAllowSelf))
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
			if resp.Allowed != tt.allowed || !tt.allowed && !strings.Contains(resp.Result.Message, "this selects wasmer's own pods") {
				t.Errorf("allowed %v: %+v, want %v", resp.Allowed, resp.Result, tt.allowed)
			}
		})
	}
}

// rooted asks a validator in a mesh whose root is mesh-root, and wasmer elsewhere.
func rooted(t *testing.T, req admission.Request) (admission.Response, bool) {
	t.Helper()
	p := &preparer{}
	v := newValidator(Options{Fetcher: p, OwnNamespace: "wasmer", RootNamespace: "mesh-root", Registry: prometheus.NewRegistry()}.withDefaults())
	generated := &generations{}
	v.generate = generated
	resp := v.Handle(t.Context(), req)
	return resp, len(p.asked) > 0 || len(*generated) > 0
}

func in(namespace string, req admission.Request) admission.Request {
	req.Namespace = namespace
	return req
}

func TestValidatorRefusesTheRoot(t *testing.T) {
	root, permitted := autoWasm(inNamespace("mesh-root")), autoWasm(inNamespace("mesh-root"), allow(v1alpha1.AnnotationAllowMeshWide))
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
			const want = "mesh-root is Istio's root namespace"
			if resp.Allowed != tt.allowed || !tt.allowed && !strings.Contains(resp.Result.Message, want) {
				t.Errorf("allowed %v: %+v, want %v", resp.Allowed, resp.Result, tt.allowed)
			}
		})
	}
}
