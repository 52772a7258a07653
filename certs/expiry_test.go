package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// served is a Source that presents a certificate, or has none.
type served struct {
	Source
	leaf *x509.Certificate
}

func (s served) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.leaf == nil {
		return nil, errors.New("none")
	}
	return &tls.Certificate{Certificate: [][]byte{s.leaf.Raw}}, nil
}

// TestExpiry: it is that of the certificate in service, also of one that has expired, and absent without one.
func TestExpiry(t *testing.T) {
	authority := newCA(t, time.Hour)
	for name, leaf := range map[string]*x509.Certificate{
		"valid": authority.leaf(t, time.Hour), "expired": authority.leaf(t, -time.Second), "none": nil,
	} {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(Expiry(served{leaf: leaf}))
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		if leaf == nil {
			if len(families) != 0 {
				t.Errorf("%s: got %v", name, families)
			}
			continue
		}
		if len(families) != 1 || families[0].Metric[0].Gauge.GetValue() != float64(leaf.NotAfter.Unix()) {
			t.Errorf("%s: got %v, want %d", name, families, leaf.NotAfter.Unix())
		}
	}
}
