package controller

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// classify says what a refused write of an EnvoyFilter means: that it rests on an
// old view, that the namespace is going, that a policy will not have it, or that
// the API server cannot just now. One that is not found has gone since it was read,
// if it was: else the API server does not know the kind.
func classify(err error, verb string, ef metav1.Object) error {
	name := ef.GetNamespace() + "/" + ef.GetName()
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("%w: %w", errLeaving, err)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && ef.GetUID() != "":
		return fmt.Errorf("%w: %s EnvoyFilter %s: %w", errStale, verb, name, err)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err), apierrors.IsRequestEntityTooLargeError(err):
		return failure.Terminalf(v1alpha1.ReasonEnvoyFilterRefused, "%s EnvoyFilter %s: %w", verb, name, err)
	default:
		return retryable(err, verb, name)
	}
}

func retryable(err error, verb, name string) *failure.Error {
	f := failure.Transientf(v1alpha1.ReasonEnvoyFilterUnavailable, "%s EnvoyFilter %s: %w", verb, name, err)
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		f.RetryAfter = time.Duration(seconds) * time.Second
	}
	return f
}

// foreign is the failure to make an EnvoyFilter because somebody else's has its
// name.
func foreign(ef metav1.Object) *failure.Error {
	return failure.Terminalf(v1alpha1.ReasonForeignEnvoyFilter,
		"EnvoyFilter %s/%s exists and was not made by AutoWasm, so it is left alone: delete or rename it, or rename the AutoWasm", ef.GetNamespace(), ef.GetName())
}

// classifyStatus says what a refused write of a status means.
func classifyStatus(err error, aw metav1.Object) error {
	err = fmt.Errorf("write the status of AutoWasm %s/%s: %w", aw.GetNamespace(), aw.GetName(), err)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: %w", errLeaving, err)
	case apierrors.IsConflict(err):
		return fmt.Errorf("%w: %w", errStale, err)
	default:
		return err
	}
}
