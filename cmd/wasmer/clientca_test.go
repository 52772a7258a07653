package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/webhook"
)

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
	source, err := certs.Files(dir)
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
