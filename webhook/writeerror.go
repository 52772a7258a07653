// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// failedWrite denies what would be refused each time, and else warns: the controller tries again.
func failedWrite(err error, r request, resp *response) outcome {
	source := r.aw.Spec.Filter.Source
	if isRefusal(err) {
		resp.deny(field.Forbidden(field.NewPath("spec", "filter"), "the EnvoyFilter that is generated from it is refused: "+detail(redact(err.Error(), source))))
		return outcomeRefused
	}
	resp.warn("the EnvoyFilter is left to the controller: %s", redact(causeOf(err), source))
	return outcomeFailed
}

// isRefusal recognises the answer of an admission webhook or policy, and of the EnvoyFilter's own schema. A webhook
// that could not be called is no refusal, nor is a permission or a quota that the server lacks.
func isRefusal(err error) bool {
	if apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	clientError := code >= http.StatusBadRequest && code < http.StatusInternalServerError
	return clientError && code != http.StatusTooManyRequests && deniedText.MatchString(status.Status().Message)
}

// deniedText is how the API server says that a webhook, or that a policy in CEL, refuses.
var deniedText = regexp.MustCompile(`denied the request|denied request: `)

// causeOf is a few words for a warning.
func causeOf(err error) string {
	switch {
	case meta.IsNoMatchError(err):
		return "this cluster does not know EnvoyFilters; is Istio installed?"
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return "the namespace is being terminated"
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return "the API server did not answer in time"
	case apierrors.IsForbidden(err):
		return "wasmer is not allowed to write it; see its RBAC and quotas"
	case apierrors.IsNotFound(err):
		return "the namespace or the EnvoyFilter kind was not found"
	}
	return strings.TrimPrefix(err.Error(), "Internal error occurred: ")
}
