// SPDX-License-Identifier: Apache-2.0

package certs

import (
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
	return writePairFor(t, dir, authority, validFor, serviceName)
}

// writePairFor writes a certificate for a name of the server.
func writePairFor(t *testing.T, dir string, authority ca, validFor time.Duration, name string) *x509.Certificate {
	t.Helper()
	key := newKey(t)
	template := leafTemplate(validFor)
	template.DNSNames = []string{name}
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

// TestConfigureTLS shakes hands as an API server does.
func TestConfigureTLS(t *testing.T) {
	dir, authority := t.TempDir(), newCA(t, time.Hour)
	writePair(t, dir, authority, time.Hour)
	source, err := Files(FilesOptions{Dir: dir})
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

// clientPair is a certificate for a client of authority with its key.
func clientPair(t *testing.T, authority ca, validFor time.Duration, usage x509.ExtKeyUsage) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := leafTemplate(validFor)
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	leaf := sign(t, template, authority.certificate, &key.PublicKey, authority.key)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

func TestRequireClients(t *testing.T) {
	dir, serving, known, foreign := t.TempDir(), newCA(t, time.Hour), newCA(t, time.Hour), newCA(t, time.Hour)
	writePair(t, dir, serving, time.Hour)
	file := filepath.Join(dir, "clients.crt")
	write(t, file, known.pem())
	source, err := Files(FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	require, err := RequireClients(file)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{}
	ConfigureTLS(source)(config)
	require(config)
	tests := map[string]struct {
		pair   *tls.Certificate
		served bool
	}{
		"the API server":        {clientPair(t, known, time.Hour, x509.ExtKeyUsageClientAuth), true},
		"no certificate":        {&tls.Certificate{}, false},
		"of another authority":  {clientPair(t, foreign, time.Hour, x509.ExtKeyUsageClientAuth), false},
		"of the server's own":   {clientPair(t, serving, time.Hour, x509.ExtKeyUsageClientAuth), false},
		"expired":               {clientPair(t, known, -time.Second, x509.ExtKeyUsageClientAuth), false},
		"a server's, of theirs": {clientPair(t, known, time.Hour, x509.ExtKeyUsageServerAuth), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := handshake(config, tt.pair, serving); (err == nil) != tt.served {
				t.Errorf("the server's handshake: %v, want served %v", err, tt.served)
			}
		})
	}
}

// handshake returns how the server's side of it ended, which is the one to decide.
func handshake(config *tls.Config, pair *tls.Certificate, authority ca) error {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	served := make(chan error, 1)
	go func() {
		defer ours.Close()
		served <- tls.Server(ours, config).Handshake()
	}()
	roots := x509.NewCertPool()
	roots.AddCert(authority.certificate)
	client := tls.Client(theirs, &tls.Config{
		RootCAs: roots, ServerName: serviceName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil },
	})
	if client.Handshake() == nil {
		_, _ = client.Read(make([]byte, 1)) // lets the server's alert or end through
	}
	return <-served
}

func TestRequireClientsWithoutAuthorities(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.crt")
	write(t, empty, []byte("hello"))
	for file, want := range map[string]string{
		empty:                      empty + " holds no PEM certificate",
		filepath.Join(dir, "none"): "no such file",
	} {
		if _, err := RequireClients(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}
