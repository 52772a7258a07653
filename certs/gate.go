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
)

const (
	// settleTime is how long an authority must have been in every caBundle before
	// a certificate of its goes into service: the API servers learn of a new
	// caBundle by a watch, each in its own time.
	settleTime = 5 * time.Second
	// lastMoment is how long before the certificate in service expires an
	// untrusted one is preferred to it.
	lastMoment = 10 * time.Minute
	// patience is how long one Sign waits for trust. It is asked again after that,
	// by when there may be yet another authority.
	patience = 10 * time.Second
	// glance is how often it looks meanwhile.
	glance = 200 * time.Millisecond
)

// gate is an authority that holds back a certificate which the API server does
// not trust yet, as long as there is a good one in service.
type gate struct {
	servertls.Authority
	ips   []net.IP
	trust *trust

	mu        sync.Mutex
	stopped   <-chan struct{}
	inService *x509.Certificate
}

var _ servertls.Authority = &gate{}

// Run runs the authority. When ctx ends, so does the wait of Sign.
func (g *gate) Run(ctx context.Context) error {
	g.mu.Lock()
	g.stopped = ctx.Done()
	g.mu.Unlock()
	return g.Authority.Run(ctx)
}

// Sign signs template for the gate's addresses too. While the certificate is held
// back it waits, and fails with ErrCertificateNotAvailable when that takes long:
// the source then asks again, and serves the old certificate meanwhile.
func (g *gate) Sign(template *x509.Certificate) (*x509.Certificate, error) {
	template.IPAddresses = g.ips
	leaf, err := g.Authority.Sign(template)
	if err != nil {
		return nil, err
	}
	if !g.await(leaf) {
		return nil, fmt.Errorf("the webhook configurations do not trust the new certificate authority yet, the certificate in service stays: %w", authority.ErrCertificateNotAvailable)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inService = leaf
	return leaf, nil
}

// await reports whether leaf may go into service.
func (g *gate) await(leaf *x509.Certificate) bool {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	enough := time.After(patience)
	for {
		stopped, holds := g.holds(leaf, time.Now())
		if !holds {
			return true
		}
		select {
		case <-stopped:
			return false
		case <-enough:
			return false
		case <-tick.C:
		}
	}
}

func (g *gate) holds(leaf *x509.Certificate, now time.Time) (stopped <-chan struct{}, holds bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopped, g.inService != nil &&
		now.Before(g.inService.NotAfter.Add(-lastMoment)) &&
		!g.trust.trusts(leaf, now.Add(-settleTime))
}
