package certs

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	admissionlisters "k8s.io/client-go/listers/admissionregistration/v1"
)

// fieldManager is the name under which the caBundle is written.
const fieldManager = "autowasm-certs"

// target is a webhook configuration.
type target interface {
	fmt.Stringer
	// get reads it, from memory.
	get() (*configuration, error)
	// patch applies a strategic merge patch.
	patch(ctx context.Context, patch []byte) error
}

type mutatingTarget struct {
	name   string
	client kubernetes.Interface
	lister admissionlisters.MutatingWebhookConfigurationLister
}

func (t *mutatingTarget) String() string { return "MutatingWebhookConfiguration " + t.name }

func (t *mutatingTarget) get() (*configuration, error) {
	object, err := t.lister.Get(t.name)
	if err != nil {
		return nil, err
	}
	out := &configuration{resourceVersion: object.ResourceVersion}
	for i := range object.Webhooks {
		out.webhooks = append(out.webhooks, webhook{object.Webhooks[i].Name, object.Webhooks[i].ClientConfig})
	}
	return out, nil
}

func (t *mutatingTarget) patch(ctx context.Context, patch []byte) error {
	_, err := t.client.AdmissionregistrationV1().MutatingWebhookConfigurations().
		Patch(ctx, t.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

type validatingTarget struct {
	name   string
	client kubernetes.Interface
	lister admissionlisters.ValidatingWebhookConfigurationLister
}

func (t *validatingTarget) String() string { return "ValidatingWebhookConfiguration " + t.name }

func (t *validatingTarget) get() (*configuration, error) {
	object, err := t.lister.Get(t.name)
	if err != nil {
		return nil, err
	}
	out := &configuration{resourceVersion: object.ResourceVersion}
	for i := range object.Webhooks {
		out.webhooks = append(out.webhooks, webhook{object.Webhooks[i].Name, object.Webhooks[i].ClientConfig})
	}
	return out, nil
}

func (t *validatingTarget) patch(ctx context.Context, patch []byte) error {
	_, err := t.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().
		Patch(ctx, t.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	return err
}
