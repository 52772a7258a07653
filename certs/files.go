// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// openInterval is how often files that are yet to come are looked up.
const openInterval = time.Second

// FilesOptions say where the certificate is, and who has to trust it.
type FilesOptions struct {
	// Dir holds tls.crt and tls.key, a mounted Secret. It must exist; the files may come later.
	Dir string
	// WebhookConfigurations is the name of the MutatingWebhookConfiguration and of the ValidatingWebhookConfiguration
	// whose caBundle another component keeps; "" for none.
	WebhookConfigurations string
	// RESTConfig reaches the API server. Required with WebhookConfigurations.
	RESTConfig *rest.Config
}

// FilesSource serves a certificate from two files. When they change, it goes on serving the former certificate until
// every caBundle trusts the new one.
type FilesSource struct {
	dir      string
	trust    *trustAnchors
	observer *observer
	ready    atomic.Bool

	mu      sync.Mutex
	opened  *certwatcher.CertWatcher // nil until both files could be read
	failure error                    // why they could not
	served  *tls.Certificate
	held    *tls.Certificate // the last that was held back, which is logged once
}

var _ Source = &FilesSource{}

// Files returns a Source for tls.crt and tls.key. It does not call the API server before Start.
func Files(o FilesOptions) (*FilesSource, error) {
	if info, err := os.Stat(o.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("read %s and %s in %s: %w: is the Secret with the certificate mounted there?",
			corev1.TLSCertKey, corev1.TLSPrivateKeyKey, o.Dir, cmp.Or(err, errors.New("not a directory")))
	}
	client, err := o.client()
	if err != nil {
		return nil, fmt.Errorf("make a client of the webhook configurations: %w", err)
	}
	trust := &trustAnchors{}
	f := &FilesSource{dir: o.Dir, trust: trust, observer: newObserver(client, o.WebhookConfigurations, trust)}
	f.open(context.Background())
	return f, nil
}

// client returns nil when there is nothing to read.
func (o FilesOptions) client() (kubernetes.Interface, error) {
	if o.WebhookConfigurations == "" {
		return nil, nil
	}
	return kubernetes.NewForConfig(o.RESTConfig)
}

// NeedLeaderElection returns false: every replica serves.
func (f *FilesSource) NeedLeaderElection() bool { return false }

// Start follows the files and the caBundles until ctx ends, and waits for all it started.
func (f *FilesSource) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(logr.NewContext(ctx, logger(ctx)))
	group.Go(func() error { return ignoreCancel(ctx, f.follow(ctx)) })
	group.Go(func() error { return ignoreCancel(ctx, f.observer.start(ctx)) })
	return group.Wait()
}

// follow reads the files as soon as they are there, and again when they change.
func (f *FilesSource) follow(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, openInterval, true, func(context.Context) (bool, error) { return f.open(ctx), nil })
	if err != nil {
		return err
	}
	return f.opened.Start(ctx)
}

// open reports whether both files could be read, and logs why not when that changes.
func (f *FilesSource) open(ctx context.Context) bool {
	if f.opened != nil { // only open sets it, and never twice at once
		return true
	}
	opened, err := certwatcher.New(filepath.Join(f.dir, corev1.TLSCertKey), filepath.Join(f.dir, corev1.TLSPrivateKeyKey))
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && (f.failure == nil || f.failure.Error() != err.Error()) {
		ctrl.LoggerFrom(ctx).Info("Waiting for the certificate", "directory", f.dir, "err", err.Error())
	}
	f.opened, f.failure = opened, err
	return err == nil
}

// GetCertificate returns the certificate to serve: that of the files, or the former one while no API server would
// accept the new one.
func (f *FilesSource) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.opened == nil {
		return nil, fmt.Errorf("read %s and %s in %s: %w", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, f.dir, f.failure)
	}
	latest, err := f.opened.GetCertificate(hello)
	if err != nil || latest == f.served {
		return latest, err
	}
	if !f.mayServe(latest, time.Now()) {
		f.hold(latest)
		return f.served, nil
	}
	if f.held == latest {
		logger(context.Background()).Info("Serving the new certificate", "directory", f.dir, "expires", latest.Leaf.NotAfter)
	}
	f.served = latest
	return latest, nil
}

// hold logs, once, that a certificate is not served yet.
func (f *FilesSource) hold(latest *tls.Certificate) {
	if f.held == latest {
		return
	}
	f.held = latest
	logger(context.Background()).Info("Serving the former certificate until the API server would accept the new one",
		"directory", f.dir, "formerExpires", f.served.Leaf.NotAfter, "why", f.reason(latest))
}

// reason returns why latest waits.
func (f *FilesSource) reason(latest *tls.Certificate) string {
	chain, err := parseChain(latest)
	if err == nil {
		err = f.observer.refuses(chain, time.Now())
	}
	if err != nil {
		return err.Error()
	}
	return "the webhook configurations trust it for less than " + propagationDelay.String()
}

// mayServe reports whether latest is better than what is served: accepted for long enough that every API server knows,
// or anyway when what is served is not accepted itself, or expires before latest does.
func (f *FilesSource) mayServe(latest *tls.Certificate, now time.Time) bool {
	if f.served == nil || f.accepted(latest, now.Add(-propagationDelay)) {
		return true
	}
	if expiresSoon(f.served.Leaf, now) && latest.Leaf.NotAfter.After(f.served.Leaf.NotAfter) {
		return true
	}
	return !f.accepted(f.served, now) && f.accepted(latest, now)
}

// accepted reports whether the API server would accept pair, whose authority it has trusted since before.
func (f *FilesSource) accepted(pair *tls.Certificate, before time.Time) bool {
	chain, err := parseChain(pair)
	return err == nil && f.trust.trusts(chain, before) && f.observer.misnamed(chain[0]) == nil
}

// Healthy fails, until it has succeeded once, while there is no valid certificate or the API server would not accept it.
func (f *FilesSource) Healthy() error {
	if f.ready.Load() {
		return nil
	}
	now := time.Now()
	chain, err := chainOf(f.GetCertificate, now)
	if err != nil {
		return err
	}
	if err := f.observer.refuses(chain, now); err != nil {
		return err
	}
	f.ready.Store(true)
	return nil
}

// Expires returns when the certificate expires, and the authority by which the API server verifies it.
func (f *FilesSource) Expires() (certificate, authority time.Time) {
	return expiryOf(f.GetCertificate, f.trust)
}

func logger(ctx context.Context) logr.Logger { return ctrl.LoggerFrom(ctx).WithName("certs") }
