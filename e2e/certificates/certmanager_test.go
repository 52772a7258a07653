// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// issued is an installation with cert-manager.
type issued struct {
	replicas
	*certManager
	client client.Client
}

// TestCertManagerUnderLoad proves invariant 9 for certificates of cert-manager.
func TestCertManagerUnderLoad(t *testing.T) {
	reset(t)
	i := &issued{replicas: newReplicas(), client: newCertManagerClient(t)}
	i.install(t)
	underLoad(t, i.replicas, []scenario{
		{"renewal of the serving certificate", i.renewServing},
		{"renewal of the CA", func(t *testing.T) {
			before := current(t, rootSecret)
			renew(t, i.client, rootSecret)
			changed(t, before)
			i.renewServing(t)
		}},
		{"deletion of the serving Secret", func(t *testing.T) {
			before := current(t, certs.ServingSecret)
			remove(t, certs.ServingSecret)
			i.waitServe(t, is(changed(t, before)))
		}},
		{"a new CA", func(t *testing.T) {
			began := time.Now()
			root, serving := i.newAuthority(t)
			t.Logf("the Secret has its certificate after %s", time.Since(began).Round(time.Millisecond))
			waitInjected(t, root)
			t.Logf("the caBundles have it after %s", time.Since(began).Round(time.Millisecond))
			i.waitServe(t, is(serving))
		}},
		{"cert-manager away", func(t *testing.T) {
			before := current(t, certs.ServingSecret)
			stop(t, i.controller)
			stop(t, i.cainjector)
			remove(t, certs.ServingSecret)
			time.Sleep(2 * time.Second)
			i.check(t, is(before))
			restart(t, i.controller)
			restart(t, i.cainjector)
			i.waitServe(t, is(changed(t, before)))
		}},
		{"a new CA while cainjector is away", func(t *testing.T) {
			before := current(t, certs.ServingSecret)
			stop(t, i.cainjector)
			_, serving := i.newAuthority(t)
			time.Sleep(2 * time.Second)
			i.check(t, is(before))
			restart(t, i.cainjector)
			i.waitServe(t, is(serving))
		}},
	})
}

// install starts wasmer before there is a certificate, and that before cainjector: it waits, and is ready as soon as
// what it serves is trusted.
func (i *issued) install(t *testing.T) {
	t.Helper()
	applyCRDs(t)
	applyComponent(t)
	redirect(t, i.replicas[0].WebhookURL)
	wait := i.start(t, func(replica int) []string {
		return []string{"--cert-mode=files", "--cert-dir=" + mount(t, certs.ServingSecret, time.Duration(replica)*mountLag)}
	})
	suite.Eventually(t, func(ctx context.Context) error { return waits(ctx, i.replicas[0]) })
	began := time.Now()
	i.certManager = startCertManager(t, func() {
		i.replicas[:1].waitServe(t, func(*x509.Certificate) error { return nil })
		if err := waits(t.Context(), i.replicas[0]); err != nil {
			t.Errorf("nobody trusts its certificate: %v", err)
		}
	})
	wait(t)
	t.Logf("ready and called %s after cert-manager's start", time.Since(began).Round(time.Millisecond))
	root, serving := current(t, rootSecret), current(t, certs.ServingSecret)
	waitInjected(t, root)
	i.waitServe(t, is(serving))
	i.checkExpiry(t, func(*env.Wasmer) time.Time { return certificateOf(serving).NotAfter }, certificateOf(root).NotAfter)
}

// waits succeeds when a replica is alive and not ready.
func waits(ctx context.Context, w *env.Wasmer) error {
	if err := env.Probe(ctx, w.HealthURL+"/healthz"); err != nil {
		return err
	}
	if env.Probe(ctx, w.HealthURL+"/readyz") == nil {
		return errors.New("it is ready")
	}
	return nil
}

func (i *issued) renewServing(t *testing.T) {
	t.Helper()
	before := current(t, certs.ServingSecret)
	renew(t, i.client, certs.ServingCertificate)
	i.waitServe(t, is(changed(t, before)))
}

// newAuthority loses the authority's key, and with it the serving certificate: cert-manager makes both anew.
func (i *issued) newAuthority(t *testing.T) (root, serving *corev1.Secret) {
	t.Helper()
	root, serving = current(t, rootSecret), current(t, certs.ServingSecret)
	remove(t, rootSecret)
	root = changed(t, root)
	renew(t, i.client, certs.ServingCertificate)
	serving = changed(t, serving)
	if err := isSignedBy(root)(certificateOf(serving)); err != nil {
		t.Fatalf("the serving certificate is not of the new authority: %v", err)
	}
	return root, serving
}
