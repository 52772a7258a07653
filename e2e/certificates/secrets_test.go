// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/e2e/suite"
)

func secretNamed(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func get(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := secretNamed(name)
	return secret, cluster.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret)
}

// current is a Secret that exists.
func current(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	secret, err := get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := cluster.Client.Delete(t.Context(), secretNamed(name)); err != nil {
		t.Fatal(err)
	}
}

// changed waits until a Secret holds another certificate than before.
func changed(t *testing.T, before *corev1.Secret) (after *corev1.Secret) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) (err error) {
		if after, err = get(ctx, before.Name); err != nil {
			return err
		}
		if len(after.Data[corev1.TLSCertKey]) == 0 || bytes.Equal(after.Data[corev1.TLSCertKey], before.Data[corev1.TLSCertKey]) {
			return fmt.Errorf("the Secret %s has no new certificate", before.Name)
		}
		return nil
	})
	return after
}

// certificateOf is the first certificate of a Secret of type kubernetes.io/tls.
func certificateOf(secret *corev1.Secret) *x509.Certificate {
	block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
	if block == nil {
		return &x509.Certificate{}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return &x509.Certificate{}
	}
	return certificate
}

// waitInjected waits until each caBundle has the certificate of an authority.
func waitInjected(t *testing.T, authority *corev1.Secret) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		bundles, err := cluster.CABundles(ctx)
		if err != nil {
			return err
		}
		for _, bundle := range bundles {
			if !bytes.Contains(bundle, bytes.TrimSpace(authority.Data[corev1.TLSCertKey])) {
				return errors.New("a caBundle lacks the authority")
			}
		}
		return nil
	})
}
