package certs

import (
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
)

func newGate(t *testing.T) (*gate, *memoryAuthority) {
	first := newCA(t, 365*24*time.Hour)
	inner := &memoryAuthority{t: t, leafLife: time.Hour, current: &first}
	return &gate{Authority: inner, ips: []net.IP{net.IPv4(127, 0, 0, 1)}, trust: &trust{}}, inner
}

func (g *gate) try(t *testing.T) error {
	t.Helper()
	_, err := g.Sign(&x509.Certificate{PublicKey: &newKey(t).PublicKey})
	return err
}

func TestGateSignsForItsAddresses(t *testing.T) {
	g, _ := newGate(t)
	leaf, err := g.Sign(&x509.Certificate{PublicKey: &newKey(t).PublicKey, DNSNames: []string{"a.svc"}})
	if err != nil || leaf.VerifyHostname("127.0.0.1") != nil || leaf.VerifyHostname("a.svc") != nil {
		t.Errorf("got %v, %v", leaf, err)
	}
}

// TestGateHolds goes through a rotation: the new authority's certificate waits for
// trust to settle, and no longer than the old one is good.
func TestGateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, inner := newGate(t)
		if err := g.try(t); err != nil {
			t.Fatalf("the first certificate waits for nobody: %v", err)
		}
		next := newCA(t, 365*24*time.Hour)
		inner.current = &next
		if err := g.try(t); !errors.Is(err, authority.ErrCertificateNotAvailable) {
			t.Fatalf("not trusted: %v", err)
		}
		g.trust.observe([]*x509.Certificate{next.certificate}, time.Now())
		time.Sleep(settleTime - time.Millisecond)
		if err := g.try(t); err == nil {
			t.Fatal("not settled, and signed")
		}
		time.Sleep(time.Millisecond)
		if err := g.try(t); err != nil {
			t.Fatalf("trusted and settled: %v", err)
		}
	})
}

func TestGateGivesWayBeforeTheOldExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, inner := newGate(t)
		if err := g.try(t); err != nil {
			t.Fatal(err)
		}
		next := newCA(t, 365*24*time.Hour)
		inner.current = &next
		time.Sleep(time.Hour - lastMoment - time.Second)
		if err := g.try(t); err == nil {
			t.Fatal("the old certificate is still good")
		}
		time.Sleep(time.Second)
		if err := g.try(t); err != nil {
			t.Fatalf("the old certificate expires: %v", err)
		}
	})
}

func TestGatePassesErrorsOn(t *testing.T) {
	g, inner := newGate(t)
	inner.current = nil
	if err := g.try(t); !errors.Is(err, authority.ErrCertificateNotAvailable) {
		t.Errorf("got %v", err)
	}
}
