// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	servertls "github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// secretName is the Secret of the certificate authority.
	secretName = "wasmer-webhook-ca"
	commonName = "wasmer webhook CA"
)

// Options say what the certificates are for and where the authority is written.
type Options struct {
	// RESTConfig reaches the API server. Required.
	RESTConfig *rest.Config
	// Namespace of the Secret with the certificate authority. Required.
	Namespace string
	// DNSNames and IPs, at least one of both, are those by which the API server may call the webhook.
	DNSNames []string
	IPs      []net.IP
	// WebhookConfigurations is the name of the MutatingWebhookConfiguration and of the ValidatingWebhookConfiguration
	// whose caBundle is kept current; "" for none. One that does not exist is written as soon as it appears.
	WebhookConfigurations string
	// URL is for development: when it is set, such as "https://127.0.0.1:9443", the webhooks are called there, with
	// the path that they have, instead of at their Service.
	URL string
}

// ServiceDNSNames returns <service>.<namespace>.svc, and the same under domain when it is not empty.
func ServiceDNSNames(service, namespace, domain string) []string {
	name := service + "." + namespace + ".svc"
	if domain == "" {
		return []string{name}
	}
	return []string{name, name + "." + domain}
}

// SelfManaged is a Source with a certificate authority of its own.
type SelfManaged struct {
	*servertls.DynamicSource
	trust    *trustAnchors
	injector *injector
	ready    atomic.Bool
}

var _ Source = &SelfManaged{}

// New returns a SelfManaged source. It calls nothing before Start.
func New(o Options) (*SelfManaged, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("self-managed certificates: %w", err)
	}
	client, err := kubernetes.NewForConfig(o.RESTConfig)
	if err != nil {
		return nil, fmt.Errorf("self-managed certificates: make a client: %w", err)
	}
	return newSelfManaged(o, client, newAuthority(o)), nil
}

func (o Options) check() error {
	switch {
	case o.RESTConfig == nil:
		return errors.New("RESTConfig is not set")
	case o.Namespace == "":
		return errors.New("the namespace of the Secret is not set")
	case len(o.DNSNames)+len(o.IPs) == 0:
		return errors.New("neither a DNS name nor an IP address to certify is set")
	}
	return nil
}

func newAuthority(o Options) *authority.DynamicAuthority {
	return &authority.DynamicAuthority{
		SecretNamespace: o.Namespace,
		SecretName:      secretName,
		SecretLabels:    map[string]string{"app.kubernetes.io/name": "wasmer"}, // as in the manifests, so that applying them conflicts with nothing
		RESTConfig:      o.RESTConfig,
		CommonName:      commonName,
	}
}

func newSelfManaged(o Options, client kubernetes.Interface, a servertls.Authority) *SelfManaged {
	trust := &trustAnchors{}
	return &SelfManaged{
		DynamicSource: &servertls.DynamicSource{
			DNSNames:  o.DNSNames,
			Authority: newTrustedAuthority(a, o.IPs, trust),
		},
		trust:    trust,
		injector: newInjector(o, client, trust),
	}
}

// Start keeps the authority, the certificate and the caBundles current until ctx ends, and waits for all it started.
func (s *SelfManaged) Start(ctx context.Context) error {
	ctx = logr.NewContext(ctx, logger(ctx))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ignoreCancel(ctx, s.DynamicSource.Start(ctx)) })
	group.Go(func() error { return ignoreCancel(ctx, s.injector.start(ctx)) })
	return group.Wait()
}

// ignoreCancel returns nil for the end of ctx.
func ignoreCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// Healthy fails, until it has succeeded once, while there is no valid certificate or some caBundle does not trust it.
func (s *SelfManaged) Healthy() error {
	if s.ready.Load() {
		return nil
	}
	now := time.Now()
	chain, err := chainOf(s.GetCertificate, now)
	if err != nil {
		return err
	}
	if !s.trust.trusts(chain, now) {
		return fmt.Errorf("the serving certificate is not trusted yet by the webhook configurations: %w", s.missing())
	}
	s.ready.Store(true)
	return nil
}

// missing is what a caBundle that does not trust the certificate waits for.
func (s *SelfManaged) missing() error {
	if err := s.injector.lastError(); err != nil {
		return err
	}
	return errors.New("waiting for the certificate of the current authority")
}

// Expires returns when the certificate expires, and the authority by which the API server verifies it.
func (s *SelfManaged) Expires() (certificate, authority time.Time) {
	return expiryOf(s.GetCertificate, s.trust)
}
