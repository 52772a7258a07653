package certs

import (
	"context"
	"fmt"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// fieldManager is the name under which the caBundle is written.
const fieldManager = "autowasm-certs"

// configuration is what the two kinds of webhook configuration have in common.
type configuration struct {
	resourceVersion string
	webhooks        []webhook
}

type webhook struct {
	name   string
	client admissionv1.WebhookClientConfig
}

// configurationClient reads and writes one webhook configuration.
type configurationClient struct {
	kind, name string
	// get reads it from the informer's cache.
	get func() (*configuration, error)
	// patch applies a strategic merge patch.
	patch func(ctx context.Context, patch []byte) error
}

func (c *configurationClient) String() string { return c.kind + " " + c.name }

// newConfigurationClient makes the client of a configuration from the lister, the client and the webhooks of its kind.
func newConfigurationClient[T metav1.Object](kind, name string, list lister[T], client patcher[T], webhooksOf func(T) []webhook) *configurationClient {
	return &configurationClient{
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

type lister[T any] interface {
	Get(name string) (T, error)
}

type patcher[T any] interface {
	Patch(ctx context.Context, name string, kind types.PatchType, patch []byte, options metav1.PatchOptions, subresources ...string) (T, error)
}

func mutatingWebhooks(c *admissionv1.MutatingWebhookConfiguration) (out []webhook) {
	for _, w := range c.Webhooks {
		out = append(out, webhook{w.Name, w.ClientConfig})
	}
	return out
}

func validatingWebhooks(c *admissionv1.ValidatingWebhookConfiguration) (out []webhook) {
	for _, w := range c.Webhooks {
		out = append(out, webhook{w.Name, w.ClientConfig})
	}
	return out
}

// watch starts informers of the Secret and of the configurations, each for one name: the server may read no other
// objects of their kinds. It calls changed at each event and resync, and returns once the caches are synced, with a
// function that stops the informers and waits for their end.
func (i *injector) watch(ctx context.Context, changed func()) (stop func(), err error) {
	factories := []informers.SharedInformerFactory{i.watchSecret(changed), i.watchConfigurations(changed)}
	for _, factory := range factories {
		factory.Start(ctx.Done())
	}
	for _, factory := range factories {
		for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced && ctx.Err() == nil {
				return nil, fmt.Errorf("watch the %s of the webhook: the watch did not start", kind)
			}
		}
	}
	return sync.OnceFunc(func() {
		for _, factory := range factories {
			factory.Shutdown()
		}
	}), nil
}

func (i *injector) watchSecret(changed func()) informers.SharedInformerFactory {
	factory := i.factory(secretName, informers.WithNamespace(i.Namespace))
	secrets := factory.Core().V1().Secrets()
	notify(secrets.Informer(), changed)
	i.secrets = secrets.Lister().Secrets(i.Namespace)
	return factory
}

func (i *injector) watchConfigurations(changed func()) informers.SharedInformerFactory {
	name, client := i.WebhookConfigurations, i.client.AdmissionregistrationV1()
	factory := i.factory(name)
	mutating := factory.Admissionregistration().V1().MutatingWebhookConfigurations()
	validating := factory.Admissionregistration().V1().ValidatingWebhookConfigurations()
	notify(mutating.Informer(), changed)
	notify(validating.Informer(), changed)
	i.configurations = []*configurationClient{
		newConfigurationClient("MutatingWebhookConfiguration", name, mutating.Lister(), client.MutatingWebhookConfigurations(), mutatingWebhooks),
		newConfigurationClient("ValidatingWebhookConfiguration", name, validating.Lister(), client.ValidatingWebhookConfigurations(), validatingWebhooks),
	}
	return factory
}

// factory makes informers of objects of one name.
func (i *injector) factory(name string, options ...informers.SharedInformerOption) informers.SharedInformerFactory {
	byName := fields.OneTermEqualSelector("metadata.name", name).String()
	options = append(options, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = byName }))
	return informers.NewSharedInformerFactoryWithOptions(i.client, resync, options...)
}

// notify calls changed at each event that may need a write; a deletion never does.
func notify(informer cache.SharedIndexInformer, changed func()) {
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // fails only on a stopped informer
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
	})
}
