// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Handshake does a TLS handshake with a webhook server as an API server does that
// trusts these authorities (PEM).
func Handshake(ctx context.Context, url string, authorities []byte) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authorities) {
		return fmt.Errorf("no authority to trust in %q", authorities)
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots}}
	conn, err := dialer.DialContext(ctx, "tcp4", strings.TrimPrefix(url, "https://"))
	if err != nil {
		return fmt.Errorf("shake hands with %s: %w", url, err)
	}
	return conn.Close()
}

// Handshakes are done all the time with the caBundle of a moment before: an API
// server learns of a new one by its watch, a little later than it is written. Its
// open connections would hide what a new one meets.
type Handshakes struct {
	cluster  *Cluster
	cancel   context.CancelFunc
	running  sync.WaitGroup
	count    int
	failures []error
}

// StartHandshakes begins them with the webhook servers at these URLs. They end with
// Stop, or the test.
func (c *Cluster) StartHandshakes(t *testing.T, urls ...string) *Handshakes {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	h := &Handshakes{cluster: c, cancel: cancel}
	previous, err := c.CABundles(ctx)
	if err != nil {
		t.Fatal(err)
	}
	h.running.Go(func() {
		for ctx.Err() == nil {
			previous = h.round(context.WithoutCancel(ctx), previous, urls)
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(func() { h.cancel(); h.running.Wait() })
	return h
}

// round tries each URL with each caBundle and returns the caBundles for the next
// round.
func (h *Handshakes) round(ctx context.Context, bundles [][]byte, urls []string) [][]byte {
	next, err := h.cluster.CABundles(ctx)
	if err != nil {
		h.failures = append(h.failures, err)
		return bundles
	}
	for _, bundle := range bundles {
		for _, url := range urls {
			h.count++
			if err := Handshake(ctx, url, bundle); err != nil {
				h.failures = append(h.failures, err)
			}
		}
	}
	return next
}

// Stop ends them and fails the test for each handshake that failed.
func (h *Handshakes) Stop(t *testing.T) {
	t.Helper()
	h.cancel()
	h.running.Wait()
	t.Logf("%d handshakes", h.count)
	for _, err := range h.failures {
		t.Errorf("failed handshake: %v", err)
	}
}

// CABundles are those of both webhook configurations.
func (c *Cluster) CABundles(ctx context.Context) ([][]byte, error) {
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: "wasmer"}, mutating); err != nil {
		return nil, err
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: "wasmer"}, validating); err != nil {
		return nil, err
	}
	var bundles [][]byte
	for _, w := range mutating.Webhooks {
		bundles = append(bundles, w.ClientConfig.CABundle)
	}
	for _, w := range validating.Webhooks {
		bundles = append(bundles, w.ClientConfig.CABundle)
	}
	return bundles, nil
}
