package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// missingSecret returns the name of aw's pull secret if there is no such Secret, else
// "". It looks at the cache of metadata that is watched anyway. It is for a message
// alone, so a cache that cannot be read is no failure.
func missingSecret(ctx context.Context, cache client.Reader, aw *v1alpha1.AutoWasm) string {
	if aw.Spec.Secret == "" {
		return ""
	}
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := cache.Get(ctx, types.NamespacedName{Namespace: aw.Namespace, Name: aw.Spec.Secret}, secret)
	if apierrors.IsNotFound(err) {
		return aw.Spec.Secret
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot tell whether the pull secret exists", "secret", aw.Spec.Secret)
	}
	return ""
}
