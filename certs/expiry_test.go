// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// sourceOf is a Source with nothing but an expiry.
type sourceOf struct {
	Source
	certificate, authority time.Time
}

func (s sourceOf) Expires() (certificate, authority time.Time) { return s.certificate, s.authority }

// TestExpiry: what is not known has no value, since any value would mean something.
func TestExpiry(t *testing.T) {
	at := time.Unix(1_900_000_000, 0)
	tests := map[string]struct {
		source sourceOf
		want   map[string]float64
	}{
		"both known":    {sourceOf{certificate: at, authority: at.Add(time.Hour)}, map[string]float64{"wasmer_webhook_certificate_expiry_timestamp_seconds": 1_900_000_000, "wasmer_webhook_ca_expiry_timestamp_seconds": 1_900_003_600}},
		"not trusted":   {sourceOf{certificate: at}, map[string]float64{"wasmer_webhook_certificate_expiry_timestamp_seconds": 1_900_000_000}},
		"nothing known": {sourceOf{}, map[string]float64{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(Expiry(tt.source))
			if diff := cmp.Diff(tt.want, gauges(t, registry)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func gauges(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		got[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
	}
	return got
}

// TestExpiryOf finds the authority that verifies the certificate, and of several the one that expires last.
func TestExpiryOf(t *testing.T) {
	signer, other := newCA(t, time.Hour), newCA(t, 48*time.Hour)
	renewed := signer // the same key with a later certificate
	template := *signer.certificate
	template.NotAfter = time.Now().Add(24 * time.Hour).Truncate(time.Second)
	renewed.certificate = sign(t, &template, &template, &signer.key.PublicKey, signer.key)
	leaf := signer.leaf(t, 30*time.Minute)
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{leaf.Raw}}, nil
	}
	trust := &trustAnchors{}
	certificate, authority := expiryOf(get, trust)
	if !certificate.Equal(leaf.NotAfter) || !authority.IsZero() {
		t.Errorf("not trusted: %s, %s", certificate, authority)
	}
	trust.observe(certificatesOf(renewed, signer, other), time.Now())
	if _, authority := expiryOf(get, trust); !authority.Equal(template.NotAfter) {
		t.Errorf("the authority expires at %s, want %s", authority, template.NotAfter)
	}
}
