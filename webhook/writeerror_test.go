// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

var (
	envoyFilterKind     = schema.FromAPIVersionAndKind(istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind)
	envoyFilterResource = schema.GroupResource{Group: "networking.istio.io", Resource: "envoyfilters"}
)

func status(code int32, reason metav1.StatusReason, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: "Failure", Code: code, Reason: reason, Message: message}}
}

// writeErrors are what the API server may say to the write of an EnvoyFilter.
var writeErrors = []struct {
	name string
	err  error
	want stageResult
}{
	{
		"istiod refuses", status(http.StatusBadRequest, "", `admission webhook "rev.validation.istio.io" denied the request: configuration is invalid`),
		stageResult{Outcome: "Refused", Denied: `spec.filter: Forbidden: the EnvoyFilter that is generated from it is refused: admission webhook "rev.validation.istio.io" denied the request: configuration is invalid`},
	},
	{
		"a policy refuses", status(http.StatusForbidden, metav1.StatusReasonForbidden, `admission webhook "policy.example" denied the request: no filters here`),
		stageResult{Outcome: "Refused", Denied: `spec.filter: Forbidden: the EnvoyFilter that is generated from it is refused: admission webhook "policy.example" denied the request: no filters here`},
	},
	// In CEL, with the texts of k8s.io/apiserver's policy plugins. A policy's refusal has
	// the reason that its author chose; Invalid is known by that alone.
	{
		"a validating policy refuses", apierrors.NewForbidden(envoyFilterResource, "test", errors.New(`ValidatingAdmissionPolicy 'no-filters' with binding 'all' denied request: no filters here`)),
		stageResult{Outcome: "Refused", Denied: `spec.filter: Forbidden: the EnvoyFilter that is generated from it is refused: envoyfilters.networking.istio.io "test" is forbidden: ValidatingAdmissionPolicy 'no-filters' with binding 'all' denied request: no filters here`},
	},
	{
		"a validating policy without a binding refuses", status(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, `envoyfilters.networking.istio.io "test" is forbidden: ValidatingAdmissionPolicy 'no-filters' denied request: no filters here`),
		stageResult{Outcome: "Refused", Denied: `spec.filter: Forbidden: the EnvoyFilter that is generated from it is refused: envoyfilters.networking.istio.io "test" is forbidden: ValidatingAdmissionPolicy 'no-filters' denied request: no filters here`},
	},
	{
		"a mutating policy refuses", status(http.StatusForbidden, metav1.StatusReasonForbidden, `policy 'no-filters' with binding 'all' denied request: no filters here`),
		stageResult{Outcome: "Refused", Denied: `spec.filter: Forbidden: the EnvoyFilter that is generated from it is refused: policy 'no-filters' with binding 'all' denied request: no filters here`},
	},
	{
		"the schema refuses", apierrors.NewInvalid(envoyFilterKind.GroupKind(), "test", field.ErrorList{field.Required(field.NewPath("spec"), "words")}),
		stageResult{Outcome: "Refused", Denied: `spec.filter: Forbidden: the EnvoyFilter that is generated from it is refused: EnvoyFilter.networking.istio.io "test" is invalid: spec: Required value: words`},
	},
	{
		"istiod does not answer", apierrors.NewInternalError(errors.New(`failed calling webhook "rev.validation.istio.io": connection refused`)),
		stageResult{Outcome: "Failed", Warnings: []string{`the EnvoyFilter is left to the controller: failed calling webhook "rev.validation.istio.io": connection refused`}},
	},
	{
		"no CRD", &meta.NoKindMatchError{GroupKind: envoyFilterKind.GroupKind()},
		stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: this cluster does not know EnvoyFilters; is Istio installed?"}},
	},
	{
		"the namespace goes", &apierrors.StatusError{ErrStatus: metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}}}},
		stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: the namespace is being terminated"}},
	},
	{
		"a time-out", context.DeadlineExceeded,
		stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: the API server did not answer in time"}},
	},
	{
		"no permission", apierrors.NewForbidden(envoyFilterResource, "test", errors.New("no RBAC")),
		stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: wasmer is not allowed to write it; see its RBAC and quotas"}},
	},
	{
		"not found", apierrors.NewNotFound(envoyFilterResource, "test"),
		stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: the namespace or the EnvoyFilter kind was not found"}},
	},
	{
		"too many requests", status(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "a queue denied the request"),
		stageResult{Outcome: "Failed", Warnings: []string{"the EnvoyFilter is left to the controller: a queue denied the request"}},
	},
}

func TestCreateFails(t *testing.T) {
	for _, tt := range writeErrors {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return tt.err }})
			got := stageResultOf(stagingValidator(c, true), t, requestFor(t, admissionv1.Create, autoWasm()))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdateDryRunFails(t *testing.T) {
	for _, tt := range writeErrors {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(interceptor.Funcs{Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return tt.err }})
			create(t, c, rendered(t, autoWasm()), "autowasm")
			got := stageResultOf(stagingValidator(c, true), t, updateRequest(t, autoWasm(), autoWasm(withPorts(80))))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// What render refuses would be refused by the controller too, for ever.
func TestRenderFails(t *testing.T) {
	s := &stager{client: cluster(interceptor.Funcs{})}
	resp := &response{}
	s.stage(t.Context(), request{aw: autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Context = "Nowhere" })}, prepared, resp)
	if len(resp.refused) != 1 || resp.refused[0].Field != "spec.filter" {
		t.Errorf("errors = %v, want one for spec.filter", resp.refused)
	}
}
