//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
)

// The Secrets of the Certificates that cert-manager issues: of the authority, and of what wasmer serves.
const (
	rootSecret    = "wasmer-webhook-root"
	servingSecret = "wasmer-webhook-tls"
)

// ownSecret is that of wasmer's own authority.
const ownSecret = "wasmer-webhook-ca"

// certificateOf maps a Secret to its Certificate.
var certificateOf = map[string]string{rootSecret: "wasmer-webhook-root", servingSecret: "wasmer-webhook"}

// secretNow is the serial number of the certificate in a Secret.
func secretNow(t testing.TB, secret string) *big.Int {
	t.Helper()
	serial, err := serialIn(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

func serialIn(ctx context.Context, secret string) (*big.Int, error) {
	text, err := runKubectl(ctx, "", "get", "secret", secret, "-n", wasmerNamespace, `-o=jsonpath={.data.tls\.crt}`)
	if err != nil {
		return nil, err
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(decoded)
	if block == nil {
		return nil, fmt.Errorf("the Secret %s has no certificate", secret)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	return certificate.SerialNumber, nil
}

// changed waits until a Secret has another certificate, and returns its serial number.
func changed(t testing.TB, secret string, former *big.Int) (serial *big.Int) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) (err error) {
		if serial, err = serialIn(ctx, secret); err == nil && serial.Cmp(former) == 0 {
			err = fmt.Errorf("the Secret %s has no new certificate", secret)
		}
		return err
	})
	return serial
}

// issuing is what `cmctl renew` does.
const issuing = `[{"op": "add", "path": "/status/conditions/-", "value": {"type": "Issuing", "status": "True",
	"reason": "ManuallyTriggered", "message": "a test renews it", "lastTransitionTime": %q}}]`

// renew has the certificate in a Secret issued again and returns its former and its new serial number.
func renew(t testing.TB, secret string) (former, renewed *big.Int) {
	t.Helper()
	former = secretNow(t, secret)
	suite.Eventually(t, func(ctx context.Context) error {
		_, err := runKubectl(ctx, "", "patch", "certificate", certificateOf[secret], "-n", wasmerNamespace, "--subresource=status",
			"--type=json", "--patch="+fmt.Sprintf(issuing, time.Now().UTC().Format(time.RFC3339)))
		return err
	})
	return former, changed(t, secret, former)
}

// remove deletes a Secret, which cert-manager or wasmer makes anew, and returns its former and its new serial number.
func remove(t testing.TB, secret string) (former, issued *big.Int) {
	t.Helper()
	former = secretNow(t, secret)
	kubectl(t, "delete", "secret", secret, "-n", wasmerNamespace)
	return former, changed(t, secret, former)
}
