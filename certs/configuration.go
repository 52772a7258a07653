// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// fieldManager is the name under which the caBundle is written.
const fieldManager = "autowasm-certs"

// configuration is what the two kinds of webhook configuration have in common.
type configuration struct {
	resourceVersion string
	// injected is whether another component writes the caBundle, by an annotation.
	injected bool
	webhooks []webhook
}

// bundles returns the caBundles. One that is empty and that nobody writes is left out: the API server then trusts its
// system's authorities.
func (c *configuration) bundles() (out [][]*x509.Certificate) {
	for _, hook := range c.webhooks {
		if c.injected || len(hook.client.CABundle) > 0 {
			out = append(out, parseBundle(hook.client.CABundle))
		}
	}
	return out
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
			return &configuration{
				resourceVersion: object.GetResourceVersion(), injected: isInjected(object), webhooks: webhooksOf(object),
			}, nil
		},
		patch: func(ctx context.Context, patch []byte) error {
			_, err := client.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
			return err
		},
	}
}

// injectPrefix begins cert-manager's annotations that have cainjector write the caBundle.
const injectPrefix = "cert-manager.io/inject-"

func isInjected(object metav1.Object) bool {
	for key := range object.GetAnnotations() {
		if strings.HasPrefix(key, injectPrefix) {
			return true
		}
	}
	return false
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

// configurations are the webhook configurations of one name, of both kinds. The server may read no others.
type configurations struct {
	client kubernetes.Interface
	name   string
	all    []*configurationClient // set by watch
}

// list returns why they cannot be read.
func (c *configurations) list(ctx context.Context) error {
	client, options := c.client.AdmissionregistrationV1(), metav1.ListOptions{FieldSelector: byName(c.name)}
	if _, err := client.MutatingWebhookConfigurations().List(ctx, options); err != nil {
		return err
	}
	_, err := client.ValidatingWebhookConfigurations().List(ctx, options)
	return err
}

// watch makes informers of them, which call changed at each event and resync.
func (c *configurations) watch(changed func()) informers.SharedInformerFactory {
	factory := newInformers(c.client, c.name)
	mutating := factory.Admissionregistration().V1().MutatingWebhookConfigurations()
	validating := factory.Admissionregistration().V1().ValidatingWebhookConfigurations()
	notify(mutating.Informer(), changed)
	notify(validating.Informer(), changed)
	client := c.client.AdmissionregistrationV1()
	c.all = []*configurationClient{
		newConfigurationClient("MutatingWebhookConfiguration", c.name, mutating.Lister(), client.MutatingWebhookConfigurations(), mutatingWebhooks),
		newConfigurationClient("ValidatingWebhookConfiguration", c.name, validating.Lister(), client.ValidatingWebhookConfigurations(), validatingWebhooks),
	}
	return factory
}

// newInformers makes a factory of informers of objects of one name.
func newInformers(client kubernetes.Interface, name string, options ...informers.SharedInformerOption) informers.SharedInformerFactory {
	options = append(options, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = byName(name) }))
	return informers.NewSharedInformerFactoryWithOptions(client, resync, options...)
}

func byName(name string) string { return fields.OneTermEqualSelector("metadata.name", name).String() }

// notify calls changed at each event that may need a pass; a deletion never does.
func notify(informer cache.SharedIndexInformer, changed func()) {
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // fails only on a stopped informer
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
	})
}

// startInformers starts informers and returns once their caches are synced, with a function that stops them and waits
// for their end.
func startInformers(ctx context.Context, factories []informers.SharedInformerFactory) (stop func(), err error) {
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
