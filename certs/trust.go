// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"time"

	servertls "github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// propagationDelay is how long an authority must have been in every caBundle before a certificate of its is
	// served: the API servers receive a new caBundle by a watch, each in its own time.
	propagationDelay = 5 * time.Second
	// expiryMargin is how long before the served certificate expires an untrusted one is preferred to it.
	expiryMargin = 10 * time.Minute
	// signTimeout is how long one Sign waits for trust. By the source's next call there may be yet another authority.
	signTimeout = 10 * time.Second
	// pollInterval is how often Sign checks meanwhile.
	pollInterval = 200 * time.Millisecond
)

// trustAnchors are the authorities that the API server trusts, and since when. The zero value has none.
type trustAnchors struct {
	mu      sync.Mutex
	all     bool
	anchors []trustAnchor
}

type trustAnchor struct {
	authority *x509.Certificate
	since     time.Time
}

// trustAll is for when there is no webhook configuration: callers then trust the certificate on other grounds.
func (t *trustAnchors) trustAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all, t.anchors = true, nil
}

// observeBundles takes the caBundles as they were read at now. Without any, callers trust the certificate on other
// grounds.
func (t *trustAnchors) observeBundles(bundles [][]*x509.Certificate, now time.Time) {
	if len(bundles) == 0 {
		t.trustAll()
		return
	}
	t.observe(commonCertificates(bundles), now)
}

// observe takes the authorities that are in every caBundle, as read at now.
func (t *trustAnchors) observe(authorities []*x509.Certificate, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	observed := make([]trustAnchor, len(authorities))
	for i, authority := range authorities {
		observed[i] = trustAnchor{authority, t.since(authority, now)}
	}
	t.all, t.anchors = false, observed
}

func (t *trustAnchors) since(authority *x509.Certificate, now time.Time) time.Time {
	for _, known := range t.anchors {
		if known.authority.Equal(authority) {
			return known.since
		}
	}
	return now
}

// trusts reports whether an authority that verifies chain, a certificate and its intermediates, has been trusted since
// before.
func (t *trustAnchors) trusts(chain []*x509.Certificate, before time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all {
		return true
	}
	for _, known := range t.anchors {
		if !known.since.After(before) && verifies(known.authority, chain) {
			return true
		}
	}
	return false
}

// expiryFor returns when the last of the authorities that verify chain expires; the zero time when none does.
func (t *trustAnchors) expiryFor(chain []*x509.Certificate) (last time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, known := range t.anchors {
		if end := known.authority.NotAfter; end.After(last) && verifies(known.authority, chain) {
			last = end
		}
	}
	return last
}

// verifies reports whether a client that trusts authority alone would accept a server with chain.
func verifies(authority *x509.Certificate, chain []*x509.Certificate) bool {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(authority)
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}) // for a server, now
	return err == nil
}

// expiresSoon reports whether a certificate that is trusted is no better than one that is not.
func expiresSoon(served *x509.Certificate, now time.Time) bool {
	return !now.Before(served.NotAfter.Add(-expiryMargin))
}

// trustedAuthority delays a certificate that the API server does not trust yet, as long as a valid one is served.
type trustedAuthority struct {
	servertls.Authority
	ips   []net.IP
	trust *trustAnchors

	mu     sync.Mutex
	ctx    context.Context // of Run
	served *x509.Certificate
}

var _ servertls.Authority = &trustedAuthority{}

func newTrustedAuthority(a servertls.Authority, ips []net.IP, trust *trustAnchors) *trustedAuthority {
	return &trustedAuthority{Authority: a, ips: ips, trust: trust, ctx: context.Background()}
}

// Run runs the authority. The end of ctx also ends the wait of Sign.
func (a *trustedAuthority) Run(ctx context.Context) error {
	a.mu.Lock()
	a.ctx = ctx
	a.mu.Unlock()
	return a.Authority.Run(ctx)
}

// Sign signs template for the IP addresses too. It waits until the certificate may be served, for at most signTimeout:
// at ErrCertificateNotAvailable the source calls it again, and serves the previous certificate meanwhile.
func (a *trustedAuthority) Sign(template *x509.Certificate) (*x509.Certificate, error) {
	template.IPAddresses = a.ips
	leaf, err := a.Authority.Sign(template)
	if err != nil {
		return nil, err
	}
	if err := a.wait(leaf); err != nil {
		return nil, fmt.Errorf("the webhook configurations do not trust the new certificate authority yet, the certificate in service stays: %w", authority.ErrCertificateNotAvailable)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.served = leaf
	return leaf, nil
}

// wait returns when leaf may be served; it fails after signTimeout, or when ctx ends.
func (a *trustedAuthority) wait(leaf *x509.Certificate) error {
	a.mu.Lock()
	ctx := a.ctx
	a.mu.Unlock()
	return wait.PollUntilContextTimeout(ctx, pollInterval, signTimeout, true, func(context.Context) (bool, error) {
		return a.mayServe(leaf, time.Now()), nil
	})
}

func (a *trustedAuthority) mayServe(leaf *x509.Certificate, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.served == nil || expiresSoon(a.served, now) ||
		a.trust.trusts([]*x509.Certificate{leaf}, now.Add(-propagationDelay))
}
