// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
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
			req := requestFor(t, tt.operation, tt.aw)
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
	p := &stubFetcher{}
	c := cluster(interceptor.Funcs{})
	v := newValidator(Options{Client: c, Reader: c, Fetcher: p, OwnNamespace: "wasmer", RootNamespace: "mesh-root", metrics: newMetrics(prometheus.NewRegistry())})
	staged := &stagings{}
	v.stage = staged.record
	resp := v.Handle(t.Context(), req)
	return resp, len(p.asked) > 0 || len(*staged) > 0
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
		{"a create", requestFor(t, admissionv1.Create, root), false},
		{"a permitted create", requestFor(t, admissionv1.Create, permitted), true},
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

// The API server does not send what these namespaces hold, so whoever does must get
// nothing done: no secret used, no module fetched, no filter staged.
func TestExcludedNamespacesArePurelyValidated(t *testing.T) {
	for _, namespace := range []string{"wasmer", "mesh-root", "kube-system"} {
		t.Run(namespace, func(t *testing.T) {
			good := autoWasm(inNamespace(namespace), allow(v1alpha1.AnnotationAllowMeshWide))
			changed := autoWasm(inNamespace(namespace), allow(v1alpha1.AnnotationAllowMeshWide), withPorts(80))
			checkPure(t, in(namespace, requestFor(t, admissionv1.Create, good)))
			checkPure(t, in(namespace, updateRequest(t, good, changed)))
			resp, worked := rooted(t, in(namespace, requestFor(t, admissionv1.Create, autoWasm(inNamespace(namespace), withPorts(0)))))
			if resp.Allowed || worked {
				t.Errorf("an invalid object: allowed %v, worked %v", resp.Allowed, worked)
			}
		})
	}
	if resp, worked := rooted(t, requestFor(t, admissionv1.Create, autoWasm())); !resp.Allowed || !worked {
		t.Errorf("another namespace: allowed %v, worked %v", resp.Allowed, worked)
	}
}

// checkPure wants the request allowed, with a warning that the source is not checked.
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
