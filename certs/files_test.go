// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startFiles starts a source without webhook configurations, until the test ends.
func startFiles(t *testing.T, dir string) *FilesSource {
	t.Helper()
	source, err := Files(FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- source.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	return source
}

// waitServes waits until the source serves a certificate.
func waitServes(t *testing.T, source *FilesSource, want *x509.Certificate) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !serves(source, want) {
		if time.Now().After(deadline) {
			t.Fatal("the change was not noticed")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func serves(s Source, want *x509.Certificate) bool {
	leaf, err := leafOf(s.GetCertificate, time.Now())
	return err == nil && leaf.Equal(want)
}

func TestFilesFollowsAChange(t *testing.T) {
	t.Parallel()
	dir, authority := t.TempDir(), newCA(t, time.Hour)
	writePair(t, dir, authority, time.Hour)
	source := startFiles(t, dir)
	time.Sleep(50 * time.Millisecond) // let the watch begin; the poll would find the change too, later
	waitServes(t, source, writePair(t, dir, authority, time.Hour))
}

// The Secret comes after wasmer's start, as in an installation.
func TestFilesArriveLate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := startFiles(t, dir)
	if err := source.Healthy(); err == nil || !strings.Contains(err.Error(), "read tls.crt and tls.key in "+dir) {
		t.Errorf("Healthy: %v", err)
	}
	waitServes(t, source, writePair(t, dir, newCA(t, time.Hour), time.Hour))
	if err := source.Healthy(); err != nil {
		t.Errorf("Healthy: %v", err)
	}
}

func TestFilesExpired(t *testing.T) {
	dir := t.TempDir()
	leaf := writePair(t, dir, newCA(t, time.Hour), -time.Second)
	source, err := Files(FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Healthy(); err == nil || !strings.Contains(err.Error(), "expired at") {
		t.Errorf("Healthy: %v", err)
	}
	source.ready.Store(true)
	if err := source.Healthy(); err != nil {
		t.Errorf("it was ready, and left the Service of the modules: %v", err)
	}
	if got, _ := source.Expires(); !got.Equal(leaf.NotAfter) {
		t.Errorf("Expires: %s, want %s", got, leaf.NotAfter)
	}
}

// A replica is ready once the API server would accept its certificate, and stays so.
func TestFilesReadiness(t *testing.T) {
	dir, authority := t.TempDir(), newCA(t, 24*time.Hour)
	writePair(t, dir, authority, time.Hour)
	source, err := Files(FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		trusted []*x509.Certificate
		want    string
	}{
		{nil, "the serving certificate is not trusted yet by the webhook configurations"},
		{certificatesOf(newCA(t, time.Hour)), "the serving certificate is not trusted yet by the webhook configurations"},
		{certificatesOf(authority), ""},
		{nil, ""},
	} {
		source.trust.observe(step.trusted, time.Now())
		if err := source.Healthy(); (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("Healthy with %d authorities in the caBundles: %v, want %q", len(step.trusted), err, step.want)
		}
	}
}

func TestFilesMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := Files(FilesOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "read tls.crt and tls.key in "+dir) {
		t.Errorf("got %v", err)
	}
}

// Two files that do not belong together are not served, and the reason is given.
func TestFilesDoNotMatch(t *testing.T) {
	dir, other, authority := t.TempDir(), t.TempDir(), newCA(t, time.Hour)
	writePair(t, dir, authority, time.Hour)
	writePair(t, other, authority, time.Hour)
	if err := os.Rename(filepath.Join(other, "tls.key"), filepath.Join(dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	source, err := Files(FilesOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Healthy(); err == nil || !strings.Contains(err.Error(), "private key does not match") {
		t.Errorf("Healthy: %v", err)
	}
}

// A new certificate is served once the API servers accept it, and before that only where the former one is no better.
func TestFilesHoldBack(t *testing.T) {
	former, next := newCA(t, 24*time.Hour), newCA(t, 24*time.Hour)
	now := time.Now()
	long, just := now.Add(-propagationDelay), now
	trust := func(since time.Time, authorities ...ca) func(*trustAnchors) {
		return func(u *trustAnchors) { u.observe(certificatesOf(authorities...), since) }
	}
	tests := map[string]struct {
		life, nextLife time.Duration
		nextName       string
		trust          func(*trustAnchors)
		served         bool
	}{
		"both trusted":               {time.Hour, time.Hour, serviceName, trust(long, former, next), true},
		"trusted for a moment":       {time.Hour, time.Hour, serviceName, trust(just, former, next), false},
		"the former one is trusted":  {time.Hour, time.Hour, serviceName, trust(long, former), false},
		"the new one alone is":       {time.Hour, time.Hour, serviceName, trust(just, next), true},
		"none is":                    {time.Hour, time.Hour, serviceName, trust(long), false},
		"for another name":           {time.Hour, time.Hour, "another.svc", trust(long, former, next), false},
		"the new one has expired":    {time.Hour, -time.Second, serviceName, trust(long, former, next), false},
		"the former one expires":     {expiryMargin, time.Hour, serviceName, trust(long, former), true},
		"the new one expires sooner": {expiryMargin, time.Second, serviceName, trust(long, former), false},
		"nobody calls":               {time.Hour, time.Hour, serviceName, (*trustAnchors).trustAll, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old := writePair(t, dir, former, tt.life)
			source, err := Files(FilesOptions{Dir: dir})
			if err != nil || !serves(source, old) {
				t.Fatalf("the first certificate must not wait: %v", err)
			}
			tt.trust(source.trust)
			source.observer.names = []string{serviceName}
			latest := writePairFor(t, dir, next, tt.nextLife, tt.nextName)
			if err := source.opened.ReadCertificate(); err != nil {
				t.Fatal(err)
			}
			if serves(source, latest) != tt.served || serves(source, old) == tt.served {
				t.Errorf("the new one is served: %t, want %t", serves(source, latest), tt.served)
			}
		})
	}
}

// One replica has the files of a renewal before the other: the API server accepts both, of the same authority and of a
// new one, as long as the caBundles have both.
func TestFilesOfTwoReplicas(t *testing.T) {
	former, next := newCA(t, 24*time.Hour), newCA(t, 24*time.Hour)
	for name, authority := range map[string]ca{"renewed": former, "of a new authority": next} {
		t.Run(name, func(t *testing.T) {
			var replicas [2]*FilesSource
			for i := range replicas {
				dir := t.TempDir()
				writePair(t, dir, former, time.Hour)
				source, err := Files(FilesOptions{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				source.trust.observe(certificatesOf(former, next), time.Now().Add(-propagationDelay))
				replicas[i] = source
			}
			writePair(t, replicas[0].dir, authority, time.Hour)
			if err := replicas[0].opened.ReadCertificate(); err != nil {
				t.Fatal(err)
			}
			for i, source := range replicas {
				chain, err := chainOf(source.GetCertificate, time.Now())
				if err != nil || source.observer.refuses(chain, time.Now()) != nil {
					t.Errorf("replica %d: %v, %v", i, err, source.observer.refuses(chain, time.Now()))
				}
			}
		})
	}
}

func certificatesOf(authorities ...ca) (out []*x509.Certificate) {
	for _, a := range authorities {
		out = append(out, a.certificate)
	}
	return out
}
