package certs

import (
	"crypto/x509"
	"sync"
	"time"
)

// trust knows which authorities the API server trusts, and since when. Its zero
// value trusts none.
type trust struct {
	mu      sync.Mutex
	all     bool
	trusted []trusted
}

type trusted struct {
	authority *x509.Certificate
	since     time.Time
}

// trustAll is for when there is no webhook configuration to ask: whoever calls
// then trusts on other grounds.
func (t *trust) trustAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all, t.trusted = true, nil
}

// observe takes the authorities that all caBundles have in common, as read at now.
func (t *trust) observe(authorities []*x509.Certificate, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	observed := make([]trusted, len(authorities))
	for i, authority := range authorities {
		observed[i] = trusted{authority, t.since(authority, now)}
	}
	t.all, t.trusted = false, observed
}

func (t *trust) since(authority *x509.Certificate, now time.Time) time.Time {
	for _, known := range t.trusted {
		if known.authority.Equal(authority) {
			return known.since
		}
	}
	return now
}

// trusts reports whether leaf's authority has been trusted since before.
func (t *trust) trusts(leaf *x509.Certificate, before time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all {
		return true
	}
	for _, known := range t.trusted {
		if !known.since.After(before) && leaf.CheckSignatureFrom(known.authority) == nil {
			return true
		}
	}
	return false
}
