// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/validation"
)

// The keys of audit annotations; the API server puts the webhook's name before them.
const (
	auditReference   = "reference"
	auditSource      = "source"
	auditTrial       = "trial"
	auditSchema      = "schema"
	auditEnvoyFilter = "envoyfilter"
)

// response collects the errors, warnings and audit annotations of a validation. It allows while there are no errors.
type response struct {
	// invalid is what the object says that it must not, whatever is around it.
	invalid field.ErrorList
	// refused is what the object cannot have here and now: a registry lacks the image, another has its EnvoyFilter's name.
	refused  field.ErrorList
	warnings []string
	audit    map[string]string
}

func (r *response) deny(err *field.Error) { r.refused = append(r.refused, err) }

func (r *response) denied() bool { return len(r.invalid) > 0 || len(r.refused) > 0 }

func (r *response) warn(format string, args ...any) {
	r.warnings = append(r.warnings, validation.Warning(format, args...))
}

// annotate writes an annotation for the audit log.
func (r *response) annotate(key, value string) {
	if r.audit == nil {
		r.audit = map[string]string{}
	}
	r.audit[key] = value
}

func (r *response) build(aw *v1alpha1.AutoWasm) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Allowed:          !r.denied(),
		Result:           r.status(aw),
		Warnings:         r.warnings,
		AuditAnnotations: r.audit,
	}}
}

// status is 422 Invalid for what is invalid and 403 Forbidden for what is refused. Those who may replace what is immutable
// take every 422 and 409 to be about that, Flux and kubectl apply with force for instance: they delete the AutoWasm that
// runs, and create it anew, in vain.
func (r *response) status(aw *v1alpha1.AutoWasm) *metav1.Status {
	if !r.denied() {
		return &metav1.Status{Code: http.StatusOK}
	}
	kind := schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: v1alpha1.Kind}
	status := apierrors.NewInvalid(kind, aw.Name, slices.Concat(r.invalid, r.refused)).Status()
	if len(r.invalid) == 0 {
		status.Code, status.Reason = http.StatusForbidden, metav1.StatusReasonForbidden
		status.Message = mutable(fmt.Sprintf("%s %q is refused: %v", v1alpha1.Kind, aw.Name, r.refused.ToAggregate()))
	}
	return &status
}

// mutable quotes the word by which Flux recognises immutable fields in a message. A refusal repeats words of others, such as
// a registry's, who must not have an AutoWasm deleted by them.
func mutable(message string) string { return strings.ReplaceAll(message, "immutable", "'immutable'") }

// maxDetail bounds what a message repeats of another party's words, in characters.
const maxDetail = 1024

// detail is what an error repeats of another party's words.
func detail(words string) string { return text.TruncateRunes(text.OneLine(words), maxDetail) }

// Who knows the sha256 of a module can load it from the module server. So no response carries one that the object
// does not name: a response goes to the sender of the request, and to the audit log.

// sumPattern matches a sha256, and as a whole the digest in an image's reference, which names a manifest, not a module.
var sumPattern = regexp.MustCompile(`@sha256:[a-f0-9]{64}|[a-f0-9]{64}`)

// redact returns text, which may quote what is rendered or was fetched, without any sha256 that source does not name.
// It must be given the text before it is cut: most of a sha256 is as good as all of it.
func redact(words string, source v1alpha1.Source) string {
	return sumPattern.ReplaceAllStringFunc(words, func(sum string) string {
		if strings.HasPrefix(sum, "@") || names(source, sum) {
			return sum
		}
		return "…"
	})
}

func names(source v1alpha1.Source, sum string) bool {
	return source.Object != nil && source.Object.SHA256 == sum ||
		source.Registry != nil && strings.Contains(source.Registry.Image, sum)
}
