package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	servertls "github.com/cert-manager/cert-manager/pkg/server/tls"
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

// rotated returns a gate that has a certificate in service, of an authority that
// has been replaced by next since.
func rotated(t *testing.T) (g *gate, next ca) {
	g, inner := newGate(t)
	if err := g.try(t); err != nil {
		t.Fatalf("the first certificate waits for nobody: %v", err)
	}
	next = newCA(t, 365*24*time.Hour)
	inner.current = &next
	return g, next
}

// TestGateWaitsForTrust: the new authority's certificate goes into service once it
// has been trusted for a while, and no earlier.
func TestGateWaitsForTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, next := rotated(t)
		g.trust.observe([]*x509.Certificate{next.certificate}, time.Now())
		start := time.Now()
		if err := g.try(t); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < settleTime || waited > settleTime+glance {
			t.Errorf("waited %s, want %s", waited, settleTime)
		}
	})
}

func TestGateAsksForPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := rotated(t)
		start := time.Now()
		if err := g.try(t); !errors.Is(err, authority.ErrCertificateNotAvailable) {
			t.Errorf("not trusted: %v", err)
		}
		if waited := time.Since(start); waited != patience {
			t.Errorf("waited %s, want %s", waited, patience)
		}
	})
}

func TestGateStopsWaitingAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := rotated(t)
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		g.Authority = runOnly{g.Authority}
		go func() { defer close(stopped); _ = g.Run(ctx) }()
		synctest.Wait()
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if err := g.try(t); err == nil || time.Since(start) != time.Second {
			t.Errorf("%v after %s, want an error after a second", err, time.Since(start))
		}
		<-stopped
	})
}

// runOnly is an authority that does nothing by itself.
type runOnly struct{ servertls.Authority }

func (runOnly) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func TestGateGivesWayBeforeTheOldExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := rotated(t)
		time.Sleep(time.Hour - lastMoment - patience - time.Second)
		if err := g.try(t); err == nil {
			t.Fatal("the old certificate is still good")
		}
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
