//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
)

// A pod is one of wasmer's.
type pod struct{ name, address string }

type pods []pod

// wasmerPods are those that are not being deleted.
func wasmerPods(t testing.TB) (all pods) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) (err error) {
		if all, err = listWasmerPods(ctx); err == nil && len(all) != 2 {
			err = fmt.Errorf("there are %d replicas with an address", len(all))
		}
		return err
	})
	return all
}

func listWasmerPods(ctx context.Context) (all pods, err error) {
	live, err := livePods(ctx)
	for _, p := range live {
		if p.Status.PodIP != "" {
			all = append(all, pod{p.Name, p.Status.PodIP + ":9443"})
		}
	}
	return all, err
}

// mount has the kubelet look at the Secrets of the Pod now, and not within the next minute or two.
func (p pod) mount(t testing.TB) {
	t.Helper()
	kubectl(t, "annotate", "pod", p.name, "-n", wasmerNamespace, "--overwrite", "test/mount="+time.Now().Format(time.StampMicro))
}

func (p pod) delete(t testing.TB) {
	t.Helper()
	kubectl(t, "delete", "pod", p.name, "-n", wasmerNamespace, "--wait=false")
}

func (p pod) waitServes(t testing.TB, serial *big.Int) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error { return p.serves(ctx, serial) })
}

func (p pod) requireServes(t testing.TB, serial *big.Int) {
	t.Helper()
	if err := p.serves(t.Context(), serial); err != nil {
		t.Error(err)
	}
}

// waitServesOther waits until the Pod does not serve the former certificate.
func (p pod) waitServesOther(t testing.TB, former *big.Int) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		served, err := p.served(ctx)
		if err == nil && served.Cmp(former) == 0 {
			err = fmt.Errorf("%s serves its former certificate", p.name)
		}
		return err
	})
}

// serial is that of the certificate that the Pod serves.
func (p pod) serial(t testing.TB) *big.Int {
	t.Helper()
	serial, err := p.served(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

// serves returns an error when the Pod presents another certificate.
func (p pod) serves(ctx context.Context, serial *big.Int) error {
	served, err := p.served(ctx)
	if err == nil && served.Cmp(serial) != 0 {
		err = fmt.Errorf("%s serves certificate %x, want %x", p.name, served, serial)
	}
	return err
}

func (p pod) served(ctx context.Context) (*big.Int, error) {
	served, err := p.handshake(ctx, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	return served.SerialNumber, nil
}

func (p pod) handshake(ctx context.Context, config *tls.Config) (*x509.Certificate, error) {
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("shake hands with %s: %w", p.name, err)
	}
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], conn.Close()
}

func (all pods) mount(t testing.TB) {
	t.Helper()
	for _, p := range all {
		p.mount(t)
	}
}

func (all pods) waitServe(t testing.TB, serial *big.Int) {
	t.Helper()
	for _, p := range all {
		p.waitServes(t, serial)
	}
}

func (all pods) requireServe(t testing.TB, serial *big.Int) {
	t.Helper()
	for _, p := range all {
		p.requireServes(t, serial)
	}
}

func (all pods) mountAndServe(t testing.TB, serial *big.Int) {
	t.Helper()
	all.mount(t)
	all.waitServe(t, serial)
}
