package webhook

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// The paths of the webhooks.
const (
	MutatePath   = "/mutate-autowasm"
	ValidatePath = "/validate-autowasm"
)

// SetupWithManager registers both webhooks with the manager's webhook server. It
// fails when the Namespaces cannot be cached. Client, Reader and Registry are the
// manager's and controller-runtime's where o has none.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	if o.Client == nil {
		o.Client = mgr.GetClient()
	}
	if o.Reader == nil {
		o.Reader = mgr.GetAPIReader()
	}
	// Asked for now, the Namespaces are cached before the first request needs one.
	if _, err := mgr.GetCache().GetInformer(context.Background(), namespaceMetadata(), cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("cache the Namespaces for defaults: %w", err)
	}
	o = o.withDefaults()
	server := mgr.GetWebhookServer()
	server.Register(MutatePath, hook(NewDefaulter(o)))
	server.Register(ValidatePath, hook(NewValidator(o)))
	return nil
}

func hook(handler admission.Handler) *admission.Webhook {
	return &admission.Webhook{Handler: handler, WithContextFunc: withCallTimeout}
}
