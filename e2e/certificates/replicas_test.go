// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// replicas are those of the Deployment. The API server calls the first one; a client
// with the API server's caBundles shakes hands with each.
type replicas []*env.Wasmer

func newReplicas() replicas { return replicas{cluster.Wasmer(), cluster.NewWasmer("second")} }

// start starts them at once, and returns a function that waits until all are ready
// and the API server reaches the first. They are stopped after the test.
func (r replicas) start(t *testing.T, flags func(replica int) []string) (wait func(t *testing.T)) {
	t.Helper()
	started := make(chan error, len(r))
	for i, w := range r {
		of := flags(i)
		go func() { started <- w.Start(t.Context(), of...) }()
		t.Cleanup(func() {
			if err := w.Stop(); err != nil {
				t.Errorf("stop %s: %v", w.Name, err)
			}
		})
	}
	return func(t *testing.T) {
		t.Helper()
		for range r {
			if err := <-started; err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (r replicas) webhooks() (urls []string) {
	for _, w := range r {
		urls = append(urls, w.WebhookURL)
	}
	return urls
}

// waitServe waits until all of them serve what satisfies a condition.
func (r replicas) waitServe(t *testing.T, condition func(*x509.Certificate) error) {
	t.Helper()
	for _, w := range r {
		suite.Eventually(t, func(ctx context.Context) error {
			leaf, err := served(ctx, w)
			if err != nil {
				return err
			}
			return condition(leaf)
		})
	}
}

// check fails the test unless all of them serve now what satisfies a condition.
func (r replicas) check(t *testing.T, condition func(*x509.Certificate) error) {
	t.Helper()
	for _, w := range r {
		leaf, err := served(t.Context(), w)
		if err == nil {
			err = condition(leaf)
		}
		if err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
	}
}

// served is the certificate that a replica presents, whoever signed it.
func served(ctx context.Context, w *env.Wasmer) (*x509.Certificate, error) {
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp4", strings.TrimPrefix(w.WebhookURL, "https://"))
	if err != nil {
		return nil, fmt.Errorf("shake hands with %s: %w", w.Name, err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// is a condition of waitServe: the certificate in a Secret.
func is(secret *corev1.Secret) func(*x509.Certificate) error {
	return func(leaf *x509.Certificate) error {
		if !bytes.Equal(leaf.Raw, certificateOf(secret).Raw) {
			return fmt.Errorf("the served certificate is not that of the Secret %s", secret.Name)
		}
		return nil
	}
}

// isSignedBy is a condition of waitServe: the certificate of the authority in a Secret.
func isSignedBy(secret *corev1.Secret) func(*x509.Certificate) error {
	return func(leaf *x509.Certificate) error { return leaf.CheckSignatureFrom(certificateOf(secret)) }
}

// checkExpiry compares the metrics of all replicas with certificates.
func (r replicas) checkExpiry(t *testing.T, leaf func(*env.Wasmer) time.Time, authority time.Time) {
	t.Helper()
	for _, w := range r {
		suite.Eventually(t, func(ctx context.Context) error {
			return errors.Join(
				checkMetric(ctx, w, "wasmer_webhook_certificate_expiry_timestamp_seconds", leaf(w)),
				checkMetric(ctx, w, "wasmer_webhook_ca_expiry_timestamp_seconds", authority),
			)
		})
	}
}

func checkMetric(ctx context.Context, w *env.Wasmer, name string, want time.Time) error {
	got, err := suite.Metric(ctx, w.MetricsURL, name)
	if err == nil && int64(got) != want.Unix() {
		err = fmt.Errorf("%s of %s is %s, want %s", name, w.Name, time.Unix(int64(got), 0), want)
	}
	return err
}
