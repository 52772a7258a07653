package webhook

import (
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/validation"
)

// The keys of audit annotations; the API server puts the webhook's name before
// them.
const (
	auditReference   = "reference"
	auditSource      = "source"
	auditEnvoyFilter = "envoyfilter"
)

// decision gathers what the steps of a validation have to say. It allows while
// there are no errors.
type decision struct {
	errs     field.ErrorList
	warnings []string
	audit    map[string]string
}

func (d *decision) deny(err *field.Error) { d.errs = append(d.errs, err) }

func (d *decision) warn(format string, args ...any) {
	d.warnings = append(d.warnings, validation.Warning(format, args...))
}

// note writes an annotation for the audit log.
func (d *decision) note(key, value string) {
	if d.audit == nil {
		d.audit = map[string]string{}
	}
	d.audit[key] = value
}

func (d *decision) response(aw *v1alpha1.AutoWasm) admission.Response {
	resp := admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Allowed:          len(d.errs) == 0,
		Result:           d.status(aw),
		Warnings:         d.warnings,
		AuditAnnotations: d.audit,
	}}
	return resp
}

func (d *decision) status(aw *v1alpha1.AutoWasm) *metav1.Status {
	if len(d.errs) == 0 {
		return &metav1.Status{Code: http.StatusOK}
	}
	kind := schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: v1alpha1.Kind}
	status := apierrors.NewInvalid(kind, aw.Name, d.errs).Status()
	return &status
}
