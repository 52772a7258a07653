// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
)

// caKey is where the Secret holds the authority's certificate.
const caKey = "ca.crt"

// injector keeps the authority in the caBundles.
type injector struct {
	Options
	*passes
	client         kubernetes.Interface
	trust          *trustAnchors
	secrets        corelisters.SecretNamespaceLister
	configurations *configurations
}

func newInjector(o Options, client kubernetes.Interface, trust *trustAnchors) *injector {
	i := &injector{
		Options: o, client: client, trust: trust,
		configurations: &configurations{client: client, name: o.WebhookConfigurations},
	}
	i.passes = newPasses(i.inject)
	return i
}

// start runs passes until ctx ends.
func (i *injector) start(ctx context.Context) error {
	if i.WebhookConfigurations == "" {
		i.trust.trustAll()
		<-ctx.Done()
		return nil
	}
	return i.run(ctx, func(changed func()) []informers.SharedInformerFactory {
		return []informers.SharedInformerFactory{i.watchSecret(changed), i.configurations.watch(changed)}
	})
}

func (i *injector) watchSecret(changed func()) informers.SharedInformerFactory {
	factory := newInformers(i.client, secretName, informers.WithNamespace(i.Namespace))
	secrets := factory.Core().V1().Secrets()
	notify(secrets.Informer(), changed)
	i.secrets = secrets.Lister().Secrets(i.Namespace)
	return factory
}

// inject brings every caBundle up to date.
func (i *injector) inject(ctx context.Context, now time.Time) error {
	authority, err := i.authority()
	if err != nil {
		return err
	}
	var bundles [][]*x509.Certificate
	for _, c := range i.configurations.all {
		injected, err := i.injectInto(ctx, c, authority, now)
		if err != nil {
			return err
		}
		bundles = append(bundles, injected...)
	}
	i.trust.observeBundles(bundles, now)
	return nil
}

func (i *injector) authority() ([]*x509.Certificate, error) {
	secret, err := i.secrets.Get(secretName)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	if len(secret.Data) == 0 { // declared by the manifests, and yet to be filled
		return nil, fmt.Errorf("read the certificate authority: Secret %s/%s is empty: %w",
			i.Namespace, secretName, apierrors.NewNotFound(schema.GroupResource{Resource: "certificate"}, caKey))
	}
	authority := parseBundle(secret.Data[caKey])
	if len(authority) == 0 {
		return nil, fmt.Errorf("read the certificate authority: Secret %s/%s holds no certificate under %s", i.Namespace, secretName, caKey)
	}
	return authority, nil
}

// injectInto returns the bundles that the webhooks of a configuration have afterwards; none when it does not exist.
func (i *injector) injectInto(ctx context.Context, c *configurationClient, authority []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	current, err := c.get()
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c, err)
	}
	changes, bundles := changesTo(current, authority, i.URL, now)
	if len(changes) == 0 {
		return bundles, nil
	}
	patch, err := encodePatch(current.resourceVersion, changes)
	if err != nil {
		return nil, fmt.Errorf("encode the caBundle of %s: %w", c, err)
	}
	if err := c.patch(ctx, patch); err != nil {
		return nil, fmt.Errorf("write the caBundle of %s: %w", c, err)
	}
	ctrl.LoggerFrom(ctx).Info("Wrote the caBundle", "configuration", c.String(), "webhooks", len(changes), "authorities", len(bundles[0]))
	return bundles, nil
}
