// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"
)

// Source provides the certificate of a server. It is a manager.Runnable that every replica runs.
type Source interface {
	// GetCertificate is for tls.Config. It fails while there is no certificate.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Start keeps the certificate current until ctx ends.
	Start(ctx context.Context) error
	// NeedLeaderElection returns false: every replica serves.
	NeedLeaderElection() bool
	// Healthy returns why the server is not ready to be called, nil when it is. Once nil, it is always nil: a certificate
	// that is not renewed expires in all replicas, and proxies would then not get their modules from any.
	Healthy() error
	// Expires returns when the certificate expires, and when the last of the authorities does by which the API server
	// verifies it; the zero time for what is not known.
	Expires() (certificate, authority time.Time)
}

// ConfigureTLS has a server present the certificate of s, and offer HTTP/1.1 alone, as the API server calls webhooks.
func ConfigureTLS(s Source) func(*tls.Config) {
	return func(c *tls.Config) {
		c.GetCertificate = s.GetCertificate
		c.MinVersion = tls.VersionTLS12
		c.NextProtos = []string{"http/1.1"}
	}
}

// chainOf returns the certificate that get presents, with its intermediates, if it is valid at now.
func chainOf(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), now time.Time) ([]*x509.Certificate, error) {
	pair, err := get(&tls.ClientHelloInfo{})
	if err != nil {
		return nil, fmt.Errorf("no serving certificate yet: %w", err)
	}
	if pair == nil || len(pair.Certificate) == 0 {
		return nil, errors.New("no serving certificate yet")
	}
	chain, err := parseChain(pair)
	if err != nil {
		return nil, err
	}
	if end := chain[0].NotAfter; now.After(end) {
		return nil, fmt.Errorf("the serving certificate expired at %s", end.Format(time.RFC3339))
	}
	return chain, nil
}

func parseChain(pair *tls.Certificate) ([]*x509.Certificate, error) {
	chain := make([]*x509.Certificate, len(pair.Certificate))
	for i, raw := range pair.Certificate {
		certificate, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, fmt.Errorf("parse the serving certificate: %w", err)
		}
		chain[i] = certificate
	}
	return chain, nil
}

// RequireClients returns an option that has a server require, in the handshake, a client certificate of an authority
// in file, which is PEM. The file is read once: a change needs a restart.
func RequireClients(file string) (func(*tls.Config), error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of client certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the authorities of client certificates: %s holds no PEM certificate", file)
	}
	return func(c *tls.Config) {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.ClientCAs = pool
	}, nil
}
