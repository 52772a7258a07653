package certs

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// watch follows the Secret and the configurations, each alone by its name, which
// is all that the server may read of their kinds. It returns once they are known,
// with what stops the watches and waits for their end.
func (i *injector) watch(ctx context.Context) (stop func(), err error) {
	factories := []informers.SharedInformerFactory{i.watchSecret()}
	if i.mutating != "" {
		factories = append(factories, i.watchMutating())
	}
	if i.validating != "" {
		factories = append(factories, i.watchValidating())
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

func (i *injector) watchMutating() informers.SharedInformerFactory {
	factory := i.factory(i.mutating)
	configurations := factory.Admissionregistration().V1().MutatingWebhookConfigurations()
	i.listen(configurations.Informer())
	i.targets = append(i.targets, &mutatingTarget{i.mutating, i.client, configurations.Lister()})
	return factory
}

func (i *injector) watchValidating() informers.SharedInformerFactory {
	factory := i.factory(i.validating)
	configurations := factory.Admissionregistration().V1().ValidatingWebhookConfigurations()
	i.listen(configurations.Informer())
	i.targets = append(i.targets, &validatingTarget{i.validating, i.client, configurations.Lister()})
	return factory
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
