// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
)

// observer knows what the webhook configurations trust, and by which names they have the webhooks called. It writes
// nothing: another component does.
type observer struct {
	*passes
	configurations *configurations
	trust          *trustAnchors

	mu    sync.Mutex
	names []string
}

// newObserver makes one of the configurations of a name; "" for none.
func newObserver(client kubernetes.Interface, name string, trust *trustAnchors) *observer {
	o := &observer{configurations: &configurations{client: client, name: name}, trust: trust}
	o.passes = newPasses(o.observe)
	if name == "" {
		o.trustAll()
	}
	return o
}

// trustAll has no certificate wait, since nothing is known of who trusts it.
func (o *observer) trustAll() {
	o.trust.trustAll()
	o.record(nil)
}

// start runs passes until ctx ends.
func (o *observer) start(ctx context.Context) error {
	if o.configurations.name == "" {
		<-ctx.Done()
		return nil
	}
	if err := wait.PollUntilContextCancel(ctx, resync, true, o.mayRead); err != nil {
		return err
	}
	return o.run(ctx, func(changed func()) []informers.SharedInformerFactory {
		return []informers.SharedInformerFactory{o.configurations.watch(changed)}
	})
}

// mayRead reports whether the configurations may be read. Other errors are left to the watch, which tries again.
func (o *observer) mayRead(ctx context.Context) (bool, error) {
	err := o.configurations.list(ctx)
	if !apierrors.IsForbidden(err) {
		return true, nil
	}
	ctrl.LoggerFrom(ctx).Info("Serving new certificates at once: the webhook configurations may not be read", "err", err.Error())
	o.trustAll()
	return false, nil
}

// observe reads every caBundle. Nobody is called by a configuration that does not exist.
func (o *observer) observe(_ context.Context, now time.Time) error {
	var bundles [][]*x509.Certificate
	var names []string
	for _, c := range o.configurations.all {
		current, err := c.get()
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", c, err)
		}
		bundles = append(bundles, current.bundles()...)
		names = append(names, current.names()...)
	}
	o.trust.observeBundles(bundles, now)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names = names
	return nil
}

// refuses returns why the API server would not accept chain from the webhook server, nil when it would.
func (o *observer) refuses(chain []*x509.Certificate, now time.Time) error {
	if err := o.lastError(); err != nil {
		return err
	}
	if err := o.misnamed(chain[0]); err != nil {
		return err
	}
	if !o.trust.trusts(chain, now) {
		return errors.New("the serving certificate is not trusted yet by the webhook configurations: " +
			"is their caBundle that of its authority, and does cert-manager's cainjector run, if it is to write it?")
	}
	return nil
}

// misnamed returns for which name of the webhook server a certificate is not.
func (o *observer) misnamed(leaf *x509.Certificate) error {
	for _, name := range o.called() {
		if err := leaf.VerifyHostname(name); err != nil {
			return fmt.Errorf("the serving certificate does not have the name by which the API server calls the webhooks: %w", err)
		}
	}
	return nil
}

func (o *observer) called() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.names)
}

// names are those of the server that the webhooks are called by: of their Service or of their URL.
func (c *configuration) names() (out []string) {
	for _, hook := range c.webhooks {
		if service := hook.client.Service; service != nil {
			out = append(out, service.Name+"."+service.Namespace+".svc")
			continue
		}
		if hook.client.URL == nil {
			continue
		}
		if u, err := url.Parse(*hook.client.URL); err == nil {
			out = append(out, u.Hostname())
		}
	}
	return out
}
