package webhook

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The API server does not send what these namespaces hold, so whoever does must get
// nothing done: no secret used, no module fetched, no filter staged.
func TestExcludedNamespacesArePurelyValidated(t *testing.T) {
	for _, namespace := range []string{"wasmer", "mesh-root", "kube-system"} {
		t.Run(namespace, func(t *testing.T) {
			good := autoWasm(inNamespace(namespace), allow(v1alpha1.AnnotationAllowMeshWide))
			changed := autoWasm(inNamespace(namespace), allow(v1alpha1.AnnotationAllowMeshWide), withPorts(80))
			checkPure(t, in(namespace, request(t, admissionv1.Create, good)))
			checkPure(t, in(namespace, updateRequest(t, good, changed)))
			resp, worked := rooted(t, in(namespace, request(t, admissionv1.Create, autoWasm(inNamespace(namespace), withPorts(0)))))
			if resp.Allowed || worked {
				t.Errorf("an invalid object: allowed %v, worked %v", resp.Allowed, worked)
			}
		})
	}
	if resp, worked := rooted(t, request(t, admissionv1.Create, autoWasm())); !resp.Allowed || !worked {
		t.Errorf("another namespace: allowed %v, worked %v", resp.Allowed, worked)
	}
}

// checkPure wants the request allowed with a word about who looks at the source.
func checkPure(t *testing.T, req admission.Request) {
	t.Helper()
	resp, worked := rooted(t, req)
	if !resp.Allowed || worked || len(resp.AuditAnnotations) > 0 {
		t.Errorf("%s: allowed %v, worked %v, audited %v", req.Operation, resp.Allowed, worked, resp.AuditAnnotations)
	}
	want := "namespace " + req.Namespace + " is served by wasmer's controller alone: the source is not checked at admission"
	if diff := cmp.Diff(want, resp.Warnings[len(resp.Warnings)-1]); diff != "" {
		t.Errorf("%s: last warning (-want +got):\n%s", req.Operation, diff)
	}
	checkWarning(t, want)
}
