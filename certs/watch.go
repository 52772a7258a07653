package certs

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	admissioninformers "k8s.io/client-go/informers/admissionregistration/v1"
	"k8s.io/client-go/tools/cache"
)

// watch follows the Secret and the configurations, each alone by its name, which
// is all that the server may read of their kinds. It returns once they are known,
// with what stops the watches and waits for their end.
func (i *injector) watch(ctx context.Context) (stop func(), err error) {
	factories := []informers.SharedInformerFactory{i.watchSecret()}
	if i.mutating != "" {
		factories = append(factories, i.watchTarget(i.mutating, i.mutatingTarget))
	}
	if i.validating != "" {
		factories = append(factories, i.watchTarget(i.validating, i.validatingTarget))
	}
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

func (i *injector) watchSecret() informers.SharedInformerFactory {
	factory := i.factory(i.secret, informers.WithNamespace(i.namespace))
	secrets := factory.Core().V1().Secrets()
	i.listen(secrets.Informer())
	i.secrets = secrets.Lister()
	return factory
}

// watchTarget follows the configuration of a name, of the kind that find knows.
func (i *injector) watchTarget(name string, find func(admissioninformers.Interface) (cache.SharedIndexInformer, target)) informers.SharedInformerFactory {
	factory := i.factory(name)
	informer, found := find(factory.Admissionregistration().V1())
	i.listen(informer)
	i.targets = append(i.targets, found)
	return factory
}

func (i *injector) mutatingTarget(kinds admissioninformers.Interface) (cache.SharedIndexInformer, target) {
	known, client := kinds.MutatingWebhookConfigurations(), i.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	return known.Informer(), newTarget("MutatingWebhookConfiguration", i.mutating, known.Lister(), client, mutatingWebhooks)
}

func (i *injector) validatingTarget(kinds admissioninformers.Interface) (cache.SharedIndexInformer, target) {
	known, client := kinds.ValidatingWebhookConfigurations(), i.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	return known.Informer(), newTarget("ValidatingWebhookConfiguration", i.validating, known.Lister(), client, validatingWebhooks)
}

// factory makes informers of one object by its name.
func (i *injector) factory(name string, options ...informers.SharedInformerOption) informers.SharedInformerFactory {
	byName := fields.OneTermEqualSelector("metadata.name", name).String()
	options = append(options, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = byName }))
	return informers.NewSharedInformerFactoryWithOptions(i.client, resync, options...)
}

// listen wakes the injector at each event that may ask for a write; a deletion
// never does.
func (i *injector) listen(informer cache.SharedIndexInformer) {
	nudge := func() {
		select {
		case i.wake <- struct{}{}:
		default: // a pass is due already
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // fails only on a stopped informer
		AddFunc:    func(any) { nudge() },
		UpdateFunc: func(any, any) { nudge() },
	})
}
