package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
)

// resync is how often the caBundles are looked at although nothing was heard of:
// certificates expire without an event.
const resync = 10 * time.Minute

// burst is how long events are gathered before a pass.
const burst = 50 * time.Millisecond

// caKey is where the Secret holds the authority's certificate.
const caKey = "ca.crt"

var errNotYet = errors.New("no caBundle has been looked at yet")

// injector keeps the authority in the caBundle of the webhook configurations. It
// works level by level: whatever happened, one pass compares what is with what
// should be.
type injector struct {
	client    kubernetes.Interface
	namespace string
	secret    string
	url       string
	trust     *trust

	mutating, validating string
	secrets              corelisters.SecretLister
	targets              []target
	wake                 chan struct{}

	mu   sync.Mutex
	last error
}

func newInjector(o Options, client kubernetes.Interface, trust *trust) *injector {
	return &injector{
		client:     client,
		namespace:  o.Namespace,
		secret:     o.SecretName,
		url:        o.URL,
		trust:      trust,
		mutating:   o.MutatingWebhookConfiguration,
		validating: o.ValidatingWebhookConfiguration,
		wake:       make(chan struct{}, 1),
		last:       errNotYet,
	}
}

// start runs passes until ctx ends: one at once, one after each event, and again
// after a failure, ever later.
func (i *injector) start(ctx context.Context) error {
	if i.mutating == "" && i.validating == "" {
		i.trust.trustAll()
		<-ctx.Done()
		return nil
	}
	stop, err := i.watch(ctx)
	if err != nil {
		return err
	}
	defer stop()
	backoff := newBackoff()
	for ctx.Err() == nil {
		delay := resync
		if err := i.pass(ctx, time.Now()); err != nil {
			delay = backoff.Step()
			i.report(ctx, err)
		} else {
			backoff = newBackoff()
		}
		i.pause(ctx, delay)
	}
	return nil
}

// newBackoff goes from a quarter of a second to a minute. Its jitter keeps the
// replicas from meeting again after a conflict.
func newBackoff() *wait.Backoff {
	return &wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 9, Cap: time.Minute}
}

// report says what failed; that another replica was faster, or that the Secret is
// still being made, is no failure.
func (i *injector) report(ctx context.Context, err error) {
	log := ctrl.LoggerFrom(ctx)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		log.V(1).Info("Cannot write the caBundle yet, trying again", "reason", err.Error())
		return
	}
	log.Error(err, "Cannot keep the caBundle current, trying again")
}

// pause ends after delay, or a moment after an event: events come in bursts, and
// the first of two writes would be heard of before the second.
func (i *injector) pause(ctx context.Context, delay time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(delay):
	case <-i.wake:
		select {
		case <-ctx.Done():
		case <-time.After(burst):
		}
	}
}

// pass brings every caBundle up to date and tells trust what they have in common.
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
	for _, target := range i.targets {
		written, err := i.injectInto(ctx, target, authority, now)
		if err != nil {
			return err
		}
		bundles = append(bundles, written...)
	}
	if len(bundles) == 0 {
		i.trust.trustAll()
		return nil
	}
	i.trust.observe(inCommon(bundles), now)
	return nil
}

func (i *injector) authority() ([]*x509.Certificate, error) {
	secret, err := i.secrets.Secrets(i.namespace).Get(i.secret)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	return authorityIn(secret)
}

func authorityIn(secret *corev1.Secret) ([]*x509.Certificate, error) {
	authority := parseBundle(secret.Data[caKey])
	if len(authority) == 0 {
		return nil, fmt.Errorf("read the certificate authority: Secret %s/%s holds no certificate under %s", secret.Namespace, secret.Name, caKey)
	}
	return authority, nil
}

// inCommon returns the certificates that are in every bundle.
func inCommon(bundles [][]*x509.Certificate) (out []*x509.Certificate) {
	for _, certificate := range bundles[0] {
		if inAll(bundles[1:], certificate) {
			out = append(out, certificate)
		}
	}
	return out
}

// lastError is why the last pass failed, or what it waits for.
func (i *injector) lastError() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last == nil {
		return errors.New("waiting for the certificate of the current authority")
	}
	return i.last
}
