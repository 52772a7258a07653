package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Source provides the certificate of a server. It is a manager.Runnable that every replica runs.
type Source interface {
	// GetCertificate is for tls.Config. It fails while there is no certificate.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Start keeps the certificate current until ctx ends.
	Start(ctx context.Context) error
	// NeedLeaderElection returns false: every replica serves.
	NeedLeaderElection() bool
	// Healthy returns why the server is not ready to be called, nil when it is.
	Healthy() error
}

// ConfigureTLS has a server present the certificate of s, and offer HTTP/1.1 alone, as the API server calls webhooks.
func ConfigureTLS(s Source) func(*tls.Config) {
	return func(c *tls.Config) {
		c.GetCertificate = s.GetCertificate
		c.MinVersion = tls.VersionTLS12
		c.NextProtos = []string{"http/1.1"}
	}
}

// leafOf returns the certificate that get presents, if it is valid at now.
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

// FilesSource serves a certificate from two files: the last that could be read, as they change.
type FilesSource struct {
	*certwatcher.CertWatcher
}

var _ Source = &FilesSource{}

// Files returns a Source for tls.crt and tls.key in dir, a mounted Secret. Both must be there and belong together.
func Files(dir string) (*FilesSource, error) {
	watcher, err := certwatcher.New(filepath.Join(dir, corev1.TLSCertKey), filepath.Join(dir, corev1.TLSPrivateKeyKey))
	if err != nil {
		return nil, fmt.Errorf("read %s and %s in %s: %w: is the Secret with the certificate mounted there?", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, dir, err)
	}
	return &FilesSource{watcher}, nil
}

// Healthy fails when the certificate has expired.
func (f *FilesSource) Healthy() error {
	_, err := leafOf(f.GetCertificate, time.Now())
	return err
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
