package certs

import (
	"context"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// fieldManager is the name under which the caBundle is written.
const fieldManager = "autowasm-certs"

// target is a webhook configuration of one of the two kinds.
type target struct {
	kind, name string
	// get reads it, from memory.
	get func() (*configuration, error)
	// patch applies a strategic merge patch.
	patch func(ctx context.Context, patch []byte) error
}

func (t target) String() string { return t.kind + " " + t.name }

// newTarget is the configuration of a name. list has what is known of its kind,
// client writes, and webhooksOf tells the kinds apart.
func newTarget[T metav1.Object](kind, name string, list getter[T], client patcher[T], webhooksOf func(T) []webhook) target {
	return target{
		kind: kind, name: name,
		get: func() (*configuration, error) {
			object, err := list.Get(name)
			if err != nil {
				return nil, err
			}
			return &configuration{resourceVersion: object.GetResourceVersion(), webhooks: webhooksOf(object)}, nil
		},
		patch: func(ctx context.Context, patch []byte) error {
			_, err := client.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
			return err
		},
	}
}

// getter is a lister of one kind.
type getter[T any] interface {
	Get(name string) (T, error)
}

// patcher is a client of one kind.
type patcher[T any] interface {
	Patch(ctx context.Context, name string, kind types.PatchType, patch []byte, options metav1.PatchOptions, subresources ...string) (T, error)
}

func mutatingWebhooks(c *admissionv1.MutatingWebhookConfiguration) []webhook {
	return collect(c.Webhooks, func(w admissionv1.MutatingWebhook) webhook { return webhook{w.Name, w.ClientConfig} })
}

func validatingWebhooks(c *admissionv1.ValidatingWebhookConfiguration) []webhook {
	return collect(c.Webhooks, func(w admissionv1.ValidatingWebhook) webhook { return webhook{w.Name, w.ClientConfig} })
}

func collect[W any](webhooks []W, common func(W) webhook) (out []webhook) {
	for _, w := range webhooks {
		out = append(out, common(w))
	}
	return out
}
