package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
	source, err := Files(dir)
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
		"nobody":                {&tls.Certificate{}, false},
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
