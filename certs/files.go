package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// FilesSource serves a certificate from two files and follows their changes. A
// change that cannot be read leaves the last good certificate in service.
type FilesSource struct {
	watcher *certwatcher.CertWatcher
}

var _ Source = &FilesSource{}

// Files returns a Source for tls.crt and tls.key in dir, as a mounted Secret has
// them. Both must be there and belong together.
func Files(dir string) (*FilesSource, error) {
	watcher, err := certwatcher.New(filepath.Join(dir, corev1.TLSCertKey), filepath.Join(dir, corev1.TLSPrivateKeyKey))
	if err != nil {
		return nil, fmt.Errorf("read %s and %s in %s: %w: is the Secret with the certificate mounted there?", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, dir, err)
	}
	return &FilesSource{watcher: watcher}, nil
}

// GetCertificate returns the certificate last read.
func (f *FilesSource) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.watcher.GetCertificate(hello)
}

// Start follows the files until ctx ends.
func (f *FilesSource) Start(ctx context.Context) error { return f.watcher.Start(ctx) }

// NeedLeaderElection returns false: every replica serves.
func (f *FilesSource) NeedLeaderElection() bool { return false }

// Healthy fails when the certificate has expired.
func (f *FilesSource) Healthy() error {
	_, err := leafOf(f.GetCertificate, time.Now())
	return err
}
