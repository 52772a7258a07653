package certs

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestTrust(t *testing.T) {
	a, b := newCA(t, time.Hour), newCA(t, time.Hour)
	leaf := a.leaf(t, time.Hour)
	start := time.Now()
	both := []*x509.Certificate{a.certificate, b.certificate}
	tests := map[string]struct {
		prepare func(*trust)
		before  time.Time
		want    bool
	}{
		"nothing known":   {func(*trust) {}, start, false},
		"other authority": {func(u *trust) { u.observe(both[1:], start) }, start, false},
		"trusted":         {func(u *trust) { u.observe(both, start) }, start, true},
		"not for so long": {func(u *trust) { u.observe(both, start) }, start.Add(-time.Second), false},
		"seen again":      {func(u *trust) { u.observe(both, start); u.observe(both, start.Add(time.Minute)) }, start, true},
		"gone":            {func(u *trust) { u.observe(both, start); u.observe(nil, start) }, start, false},
		"gone and back": {func(u *trust) {
			u.observe(both, start)
			u.observe(nil, start)
			u.observe(both, start.Add(time.Minute))
		}, start, false},
		"nobody to ask":   {func(u *trust) { u.trustAll() }, start.Add(-time.Hour), true},
		"somebody to ask": {func(u *trust) { u.trustAll(); u.observe(nil, start) }, start, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := &trust{}
			test.prepare(u)
			if got := u.trusts(leaf, test.before); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestInCommon(t *testing.T) {
	a, b := newCA(t, time.Hour).certificate, newCA(t, time.Hour).certificate
	got := inCommon([][]*x509.Certificate{{a, b}, {b}, {b, a}})
	if len(got) != 1 || !got[0].Equal(b) {
		t.Errorf("got %d certificates", len(got))
	}
}
