// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/webhook"
)

// authority signs certificates for servers and clients on this machine.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	pair := a.issue(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.certificate, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// issue signs template; the first certificate of an authority signs itself.
func (a *authority) issue(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) client(t *testing.T) *tls.Certificate {
	t.Helper()
	pair := a.issue(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return &pair
}

// writeServer writes the files of --cert-dir.
func (a *authority) writeServer(t *testing.T, dir string) {
	t.Helper()
	pair := a.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "tls.crt"), "CERTIFICATE", pair.Certificate[0])
	writePEM(t, filepath.Join(dir, "tls.key"), "PRIVATE KEY", key)
}

func writePEM(t *testing.T, path, kind string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startWebhookServer serves on a port of this machine as run does, with a handler
// that answers whoever gets through, and returns its address.
func startWebhookServer(t *testing.T, o *options, source certs.Source) string {
	t.Helper()
	configure, err := tlsOf(source, o.webhookClientCA)
	if err != nil {
		t.Fatal(err)
	}
	server := newWebhookServer(o, configure)
	server.Register(webhook.ValidatePath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "reached") }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); server.StartedChecker()(nil) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the webhook server does not listen")
		}
	}
	return fmt.Sprintf("https://%s:%d%s", o.webhookHost, o.webhookPort, webhook.ValidatePath)
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// call posts as the API server would, with a client certificate or without.
func call(t *testing.T, url string, server *authority, pair *tls.Certificate) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(server.certificate)
	config := &tls.Config{RootCAs: roots}
	if pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Post(url, "application/json", strings.NewReader("{}"))
	if err == nil {
		response.Body.Close()
	}
	return err
}

func TestWebhookClientCA(t *testing.T) {
	dir, serving, apiServer, stranger := t.TempDir(), newAuthority(t), newAuthority(t), newAuthority(t)
	serving.writeServer(t, dir)
	source, err := certs.Files(certs.FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	file := writePEM(t, filepath.Join(dir, "clients.crt"), "CERTIFICATE", apiServer.certificate.Raw)
	for _, tt := range []struct {
		clientCA string
		pair     *tls.Certificate
		served   bool
	}{
		{"", nil, true},
		{file, apiServer.client(t), true},
		{file, stranger.client(t), false},
		{file, nil, false},
	} {
		url := startWebhookServer(t, &options{webhook: true, webhookHost: "127.0.0.1", webhookPort: freePort(t), webhookClientCA: tt.clientCA}, source)
		if err := call(t, url, serving, tt.pair); (err == nil) != tt.served {
			t.Errorf("with --webhook-client-ca=%s and the certificate %v: %v, want served %v", tt.clientCA, tt.pair != nil, err, tt.served)
		}
	}
	if _, err := tlsOf(source, filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "--webhook-client-ca") {
		t.Errorf("a file that does not exist: %v", err)
	}
}
