package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Source is where a server's certificate comes from. It is a manager.Runnable
// that every replica runs.
type Source interface {
	// GetCertificate is for tls.Config. It fails while there is no certificate.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Start keeps the certificate current until ctx ends.
	Start(ctx context.Context) error
	// NeedLeaderElection returns false.
	NeedLeaderElection() bool
	// Healthy says why the server is not ready to be called, nil when it is.
	Healthy() error
}

// ConfigureTLS returns what makes a server present the certificate of s. The API
// server speaks HTTP/1.1 to webhooks, so nothing else is offered.
func ConfigureTLS(s Source) func(*tls.Config) {
	return func(c *tls.Config) {
		c.GetCertificate = s.GetCertificate
		c.MinVersion = tls.VersionTLS12
		c.NextProtos = []string{"http/1.1"}
	}
}

// leafOf returns the certificate that s presents now, if it is valid at now.
func leafOf(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), now time.Time) (*x509.Certificate, error) {
	pair, err := get(&tls.ClientHelloInfo{})
	if err != nil {
		return nil, fmt.Errorf("no serving certificate yet: %w", err)
	}
	if pair == nil || len(pair.Certificate) == 0 {
		return nil, errors.New("no serving certificate yet")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("parse the serving certificate: %w", err)
	}
	if now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("the serving certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	}
	return leaf, nil
}
