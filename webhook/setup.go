package webhook

import (
	"context"
	"fmt"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// The paths of the webhooks.
const (
	MutatePath   = "/mutate-autowasm"
	ValidatePath = "/validate-autowasm"
)

// SetupWithManager registers both webhooks with the manager's webhook server. It
// fails when the Namespaces cannot be cached, or nothing can be rendered with
// o.Render: every object would be denied for it. Client, Reader and Registry are the
// manager's and controller-runtime's where o has none.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	if o.Client == nil {
		o.Client = mgr.GetClient()
	}
	if o.Reader == nil {
		o.Reader = mgr.GetAPIReader()
	}
	if err := checkRender(o.Render); err != nil {
		return err
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

// checkRender renders an object that is fine, so that what fails is the options.
func checkRender(o render.Options) error {
	sample := &v1alpha1.AutoWasm{}
	sample.Namespace, sample.Name = "default", "sample"
	if _, err := render.EnvoyFilter(sample, render.Module{SHA256: strings.Repeat("0", 64)}, o); err != nil {
		return fmt.Errorf("check how modules are served: %w", err)
	}
	return nil
}

func hook(handler admission.Handler) *admission.Webhook {
	return &admission.Webhook{Handler: handler, WithContextFunc: withCallTimeout}
}
