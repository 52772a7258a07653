package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// resync is how often the caBundles are compared without an event: certificates expire without one.
	resync = 10 * time.Minute
	// batch is how long events are gathered before a pass.
	batch = 50 * time.Millisecond
	// minBackoff and maxBackoff bound the delay after a failed pass.
	minBackoff = 250 * time.Millisecond
	maxBackoff = time.Minute
	// caKey is where the Secret holds the authority's certificate.
	caKey = "ca.crt"
)

// injector keeps the authority in the caBundles. It is level-triggered: a pass compares what is with what should be.
type injector struct {
	Options
	client kubernetes.Interface
	trust  *trustAnchors

	secrets        corelisters.SecretNamespaceLister
	configurations []*configurationClient

	mu   sync.Mutex
	last error
}

// queue has one item, which stands for a pass.
type queue = workqueue.TypedRateLimitingInterface[struct{}]

func newQueue() queue {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[struct{}](minBackoff, maxBackoff))
}

func newInjector(o Options, client kubernetes.Interface, trust *trustAnchors) *injector {
	return &injector{Options: o, client: client, trust: trust, last: errors.New("no caBundle has been compared yet")}
}

// start runs passes until ctx ends: at once, after each event, and after each failure with exponential backoff.
func (i *injector) start(ctx context.Context) error {
	if i.WebhookConfigurations == "" {
		i.trust.trustAll()
		<-ctx.Done()
		return nil
	}
	q := newQueue()
	defer q.ShutDown()
	stop, err := i.watch(ctx, func() { q.AddAfter(struct{}{}, batch) })
	if err != nil {
		return err
	}
	defer stop()
	defer context.AfterFunc(ctx, q.ShutDown)()
	q.Add(struct{}{})
	for i.next(ctx, q) {
	}
	return nil
}

// next runs the next pass. It returns false once q has been shut down.
func (i *injector) next(ctx context.Context, q queue) bool {
	item, shutDown := q.Get()
	if shutDown {
		return false
	}
	defer q.Done(item)
	if err := i.pass(ctx, time.Now()); err != nil {
		logFailure(ctx, err)
		q.AddRateLimited(item)
		return true
	}
	q.Forget(item)
	return true
}

// logFailure logs why a pass failed. A conflict with another replica, or a Secret that is yet to come, is no error.
func logFailure(ctx context.Context, err error) {
	log := ctrl.LoggerFrom(ctx)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		log.V(1).Info("Cannot write the caBundle yet, trying again", "reason", err.Error())
		return
	}
	log.Error(err, "Cannot keep the caBundle current, trying again")
}

// pass brings every caBundle up to date and records how that went.
func (i *injector) pass(ctx context.Context, now time.Time) error {
	err := i.inject(ctx, now)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = err
	return err
}

func (i *injector) inject(ctx context.Context, now time.Time) error {
	authority, err := i.authority()
	if err != nil {
		return err
	}
	var bundles [][]*x509.Certificate
	for _, c := range i.configurations {
		injected, err := i.injectInto(ctx, c, authority, now)
		if err != nil {
			return err
		}
		bundles = append(bundles, injected...)
	}
	if len(bundles) == 0 {
		i.trust.trustAll()
		return nil
	}
	i.trust.observe(commonCertificates(bundles), now)
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

// lastError returns why the last pass failed, or what is missing after it succeeded.
func (i *injector) lastError() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last == nil {
		return errors.New("waiting for the certificate of the current authority")
	}
	return i.last
}
