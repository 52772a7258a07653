// SPDX-License-Identifier: Apache-2.0

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

func newTestAuthority(t *testing.T) (*trustedAuthority, *memoryAuthority) {
	first := newCA(t, 365*24*time.Hour)
	inner := &memoryAuthority{t: t, leafLife: time.Hour, current: &first}
	return newTrustedAuthority(inner, []net.IP{net.IPv4(127, 0, 0, 1)}, &trustAnchors{}), inner
}

func try(t *testing.T, a *trustedAuthority) error {
	t.Helper()
	_, err := a.Sign(&x509.Certificate{PublicKey: &newKey(t).PublicKey})
	return err
}

func TestSignAddsTheAddresses(t *testing.T) {
	a, _ := newTestAuthority(t)
	leaf, err := a.Sign(&x509.Certificate{PublicKey: &newKey(t).PublicKey, DNSNames: []string{"a.svc"}})
	if err != nil || leaf.VerifyHostname("127.0.0.1") != nil || leaf.VerifyHostname("a.svc") != nil {
		t.Errorf("got %v, %v", leaf, err)
	}
}

// rotated returns an authority that has a certificate in service, of a CA that has been
// replaced by next since.
func rotated(t *testing.T) (a *trustedAuthority, next ca) {
	a, inner := newTestAuthority(t)
	if err := try(t, a); err != nil {
		t.Fatalf("the first certificate must not wait: %v", err)
	}
	next = newCA(t, 365*24*time.Hour)
	inner.current = &next
	return a, next
}

// TestSignWaitsForTrust: the new authority's certificate goes into service once it
// has been trusted for a while, and no earlier.
func TestSignWaitsForTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, next := rotated(t)
		a.trust.observe([]*x509.Certificate{next.certificate}, time.Now())
		start := time.Now()
		if err := try(t, a); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < propagationDelay || waited > propagationDelay+pollInterval {
			t.Errorf("waited %s, want %s", waited, propagationDelay)
		}
	})
}

func TestSignTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := rotated(t)
		start := time.Now()
		if err := try(t, a); !errors.Is(err, authority.ErrCertificateNotAvailable) {
			t.Errorf("not trusted: %v", err)
		}
		if waited := time.Since(start); waited != signTimeout {
			t.Errorf("waited %s, want %s", waited, signTimeout)
		}
	})
}

func TestSignEndsWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := rotated(t)
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		a.Authority = runOnly{a.Authority}
		go func() { defer close(stopped); _ = a.Run(ctx) }()
		synctest.Wait()
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if err := try(t, a); err == nil || time.Since(start) != time.Second {
			t.Errorf("%v after %s, want an error after a second", err, time.Since(start))
		}
		<-stopped
	})
}

// runOnly is an authority that does nothing by itself.
type runOnly struct{ servertls.Authority }

func (runOnly) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func TestSignDoesNotWaitBeforeTheServedOneExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := rotated(t)
		time.Sleep(time.Hour - expiryMargin - signTimeout - time.Second)
		if err := try(t, a); err == nil {
			t.Fatal("the old certificate is still good")
		}
		if err := try(t, a); err != nil {
			t.Fatalf("the old certificate expires: %v", err)
		}
	})
}

func TestSignReturnsErrors(t *testing.T) {
	a, inner := newTestAuthority(t)
	inner.current = nil
	if err := try(t, a); !errors.Is(err, authority.ErrCertificateNotAvailable) {
		t.Errorf("got %v", err)
	}
}

func TestTrust(t *testing.T) {
	a, b := newCA(t, time.Hour), newCA(t, time.Hour)
	leaf := a.leaf(t, time.Hour)
	start := time.Now()
	both := []*x509.Certificate{a.certificate, b.certificate}
	tests := map[string]struct {
		prepare func(*trustAnchors)
		before  time.Time
		want    bool
	}{
		"nothing known":   {func(*trustAnchors) {}, start, false},
		"other authority": {func(u *trustAnchors) { u.observe(both[1:], start) }, start, false},
		"trusted":         {func(u *trustAnchors) { u.observe(both, start) }, start, true},
		"not for so long": {func(u *trustAnchors) { u.observe(both, start) }, start.Add(-time.Second), false},
		"seen again":      {func(u *trustAnchors) { u.observe(both, start); u.observe(both, start.Add(time.Minute)) }, start, true},
		"gone":            {func(u *trustAnchors) { u.observe(both, start); u.observe(nil, start) }, start, false},
		"gone and back": {func(u *trustAnchors) {
			u.observe(both, start)
			u.observe(nil, start)
			u.observe(both, start.Add(time.Minute))
		}, start, false},
		"no configuration":        {func(u *trustAnchors) { u.trustAll() }, start.Add(-time.Hour), true},
		"a configuration appears": {func(u *trustAnchors) { u.trustAll(); u.observe(nil, start) }, start, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := &trustAnchors{}
			test.prepare(u)
			if got := u.trusts([]*x509.Certificate{leaf}, test.before); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCommonCertificates(t *testing.T) {
	a, b := newCA(t, time.Hour).certificate, newCA(t, time.Hour).certificate
	got := commonCertificates([][]*x509.Certificate{{a, b}, {b}, {b, a}})
	if len(got) != 1 || !got[0].Equal(b) {
		t.Errorf("got %d certificates", len(got))
	}
}
