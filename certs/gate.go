package certs

import (
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
)

// gate is an authority that holds back a certificate which the API server does
// not trust yet, as long as there is a good one in service. The source then asks
// again after a second, and serves the old one meanwhile.
type gate struct {
	servertls.Authority
	ips   []net.IP
	trust *trust

	mu        sync.Mutex
	inService *x509.Certificate
}

var _ servertls.Authority = &gate{}

// Sign signs template for the gate's addresses too. It fails with
// ErrCertificateNotAvailable while the certificate is held back.
func (g *gate) Sign(template *x509.Certificate) (*x509.Certificate, error) {
	template.IPAddresses = g.ips
	leaf, err := g.Authority.Sign(template)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds(leaf, time.Now()) {
		return nil, fmt.Errorf("the webhook configurations do not trust the new certificate authority yet, the certificate in service stays: %w", authority.ErrCertificateNotAvailable)
	}
	g.inService = leaf
	return leaf, nil
}

func (g *gate) holds(leaf *x509.Certificate, now time.Time) bool {
	return g.inService != nil &&
		now.Before(g.inService.NotAfter.Add(-lastMoment)) &&
		!g.trust.trusts(leaf, now.Add(-settleTime))
}
