package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair writes a certificate of authority and its key as a mounted Secret.
func writePair(t *testing.T, dir string, authority ca, validFor time.Duration) *x509.Certificate {
	t.Helper()
	key := newKey(t)
	template := leafTemplate(validFor)
	template.DNSNames = []string{serviceName}
	leaf := sign(t, template, authority.certificate, &key.PublicKey, authority.key)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	write(t, filepath.Join(dir, "tls.crt"), encodeBundle([]*x509.Certificate{leaf}))
	return leaf
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesFollowsAChange(t *testing.T) {
	dir, authority := t.TempDir(), newCA(t, time.Hour)
	writePair(t, dir, authority, time.Hour)
	source, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- source.Start(ctx) }()
	time.Sleep(50 * time.Millisecond) // let the watch begin; the poll would find the change too, later
	want := writePair(t, dir, authority, time.Hour)
	deadline := time.Now().Add(15 * time.Second)
	for !serves(source, want) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if !serves(source, want) {
		t.Error("the change was not noticed")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Start: %v", err)
	}
}

func serves(s Source, want *x509.Certificate) bool {
	leaf, err := leafOf(s.GetCertificate, time.Now())
	return err == nil && leaf.Equal(want)
}

func TestFilesExpired(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, newCA(t, time.Hour), -time.Second)
	source, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Healthy(); err == nil || !strings.Contains(err.Error(), "expired at") {
		t.Errorf("Healthy: %v", err)
	}
}

func TestFilesMissing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Files(dir); err == nil || !strings.Contains(err.Error(), "read tls.crt and tls.key in "+dir) {
		t.Errorf("got %v", err)
	}
}

// TestConfigureTLS shakes hands as an API server does.
func TestConfigureTLS(t *testing.T) {
	dir, authority := t.TempDir(), newCA(t, time.Hour)
	writePair(t, dir, authority, time.Hour)
	source, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Healthy(); err != nil {
		t.Errorf("Healthy: %v", err)
	}
	config := &tls.Config{NextProtos: []string{"h2"}}
	ConfigureTLS(source)(config)
	ours, theirs := net.Pipe()
	server := tls.Server(ours, config)
	served := make(chan error, 1)
	go func() { served <- server.Handshake() }()
	roots := x509.NewCertPool()
	roots.AddCert(authority.certificate)
	client := tls.Client(theirs, &tls.Config{RootCAs: roots, ServerName: serviceName, NextProtos: []string{"h2", "http/1.1"}})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if got := client.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("speaks %q, want http/1.1", got)
	}
}
