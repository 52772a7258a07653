// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestEnsureBringsAModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		want := fetch.Module{
			Info:      module.Info{SHA256: hashOf(moduleX), Size: int64(len(moduleX)), ABI: "0.2.1", CodeBytes: 16},
			FetchedAt: time.Now(),
			Reference: "reg.example/x@sha256:" + hashOf(append([]byte("manifest"), moduleX...)),
		}
		first := f.ensure(image(x))
		time.Sleep(time.Minute)
		again := f.ensure(image(x))
		if diff := cmp.Diff(want, first) + cmp.Diff(want, again); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if info, ok := f.Lookup(want.SHA256); !ok || info.ABI != want.ABI {
			t.Errorf("Lookup = %+v, %v", info, ok)
		}
		f.expect(1, 1)
	})
}

// How often the registry is asked for three equal requests within the time to
// live, and how often the module is downloaded.
func TestWhatIsAnsweredFromMemory(t *testing.T) {
	policy := func(p v1alpha1.PullPolicy) func(*source.Request) {
		return func(r *source.Request) { r.Source.Registry.PullPolicy = p }
	}
	pinned := func(r *source.Request) { *r = r.Exactly(source.Pin{Reference: digestX}) }
	preferring := func(r *source.Request) { *r = r.Preferring(digestX) }
	object := func(sha string) source.Request {
		return source.Request{Namespace: "ns", Source: v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "reg.example/x", SHA256: sha}}}
	}
	tests := []struct {
		name     string
		request  source.Request
		resolves int
	}{
		{"IfNotPresent", image(x), 1},
		{"IfNotPresent of latest", image("reg.example/x:latest"), 1},
		{"Always", image(x, always), 3},
		{"Always, pinned", image(x, always, pinned), 1},
		{"a preferred digest", image(x, preferring), 3},
		{"Always of a digest", image("reg.example/x@sha256:1", always), 1},
		{"no policy, a tag", image(x, policy("")), 1},
		{"no policy, latest", image("reg.example/x:latest", policy("")), 3},
		{"no policy, no tag", image("reg.example/x", policy("")), 3},
		{"a Secret", image(x, as("ns", "secret")), 1},
		{"an object with a hash", object(hashOf(moduleX)), 1},
		{"an object without", object(""), 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			for range 3 {
				f.ensure(tt.request)
			}
			f.expect(tt.resolves, 1)
		})
	}
}

func TestNoPolicyNoTagOnAPort(t *testing.T) {
	f := newFixture(t)
	f.modules["reg.example:5000/x"] = moduleX
	for range 2 {
		f.ensure(image("reg.example:5000/x", func(r *source.Request) { r.Source.Registry.PullPolicy = "" }))
	}
	f.expect(2, 1)
}

func TestResolutionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *fetch.Options) { o.ResolveTTL = time.Hour })
		f.ensure(image(x))
		time.Sleep(time.Hour - time.Second)
		f.ensure(image(x))
		f.expect(1, 1)
		time.Sleep(time.Second + 1)
		f.ensure(image(x))
		f.expect(2, 1)
	})
}

// What a source without an immutable identity gives is downloaded each time.
func TestAMutableSourceIsReadEachTime(t *testing.T) {
	f := newFixture(t)
	f.mutable = true
	f.ensure(image(x, always))
	f.modules["reg.example/x"] = wasmtest.Module(wasmtest.Salt("new"))
	if m := f.ensure(image(x, always)); m.SHA256 == hashOf(moduleX) {
		t.Error("the old module came again")
	}
	f.expect(2, 2)
}

func TestARestartDownloadsNothing(t *testing.T) {
	f := newFixture(t)
	before := f.ensure(image(x))
	f.restart()
	after := f.ensure(image(x))
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	f.expect(2, 1)
}

func TestAnEvictedModuleIsFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *fetch.Options) { o.ResolveTTL = 1000 * time.Hour })
		f.ensure(image(x))
		time.Sleep(25 * time.Hour)
		if removed, err := f.store.Evict(func(string) bool { return false }); len(removed) != 1 || err != nil {
			t.Fatalf("Evict = %v, %v", removed, err)
		}
		f.ensure(image(x))
		f.expect(2, 2)
	})
}

// Credentials are judged by the registry, and one namespace's success is not
// another's.
func TestACachedPrivateModuleIsNoWayRoundItsRegistry(t *testing.T) {
	f := newFixture(t)
	f.password = "right"
	f.ensure(image(x, as("tenant-a", "right")))
	f.refused(image(x, as("tenant-b", "wrong")), v1alpha1.ReasonUnauthorized, true)
	f.refused(image(x, as("tenant-b", "")), v1alpha1.ReasonUnauthorized, true)
	f.ensure(image(x, as("tenant-b", "right")))
	f.expect(4, 1)
}

// To know the hash of a module that another namespace fetched is not to have it.
func TestAKnownHashIsNoWayRoundTheSource(t *testing.T) {
	f := newFixture(t)
	if _, err := f.store.Put(t.Context(), bytes.NewReader(moduleX), "", store.Claim{}); err != nil {
		t.Fatal(err)
	}
	f.declared = hashOf(moduleX)
	f.ensure(image(x))
	f.expect(1, 1)
}

func TestAChangedSecretIsTriedAtOnce(t *testing.T) {
	f := newFixture(t)
	f.ensure(image(x, as("ns", "secret")))
	f.secrets["secret"] = "2"
	f.password = "another"
	f.refused(image(x, as("ns", "secret")), v1alpha1.ReasonUnauthorized, true)
	f.refused(image(x, as("ns", "missing")), v1alpha1.ReasonSecretNotFound, false)
}

func TestFailuresAreNotRemembered(t *testing.T) {
	f := newFixture(t)
	f.refused(image("reg.example/y:v1"), v1alpha1.ReasonNotFound, true)
	f.modules["reg.example/y"] = moduleX
	f.ensure(image("reg.example/y:v1"))
}

func TestWhatIsNoModuleIsRefused(t *testing.T) {
	f := newFixture(t)
	f.modules["reg.example/x"] = wasmtest.NotWasm()
	f.refused(image(x), v1alpha1.ReasonNotWasm, true)
	f.modules["reg.example/x"] = moduleX
	f.declared = strings.Repeat("0", 64)
	f.refused(image(x), v1alpha1.ReasonDigestMismatch, true)
}

// The query of a URL may be a signature: it is in no message.
func TestMessagesNameTheSourceWithoutItsSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *fetch.Options) { o.FetchTimeout = time.Minute })
		f.onResolve = slow(time.Hour)
		signed := source.Request{Source: v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "https://u:p@b.example/f.wasm?sig=secret"}}}
		err := f.refused(signed, v1alpha1.ReasonUnavailable, false)
		want := "fetch https://b.example/f.wasm: the source did not finish within 1m0s: context deadline exceeded"
		if err.Error() != want {
			t.Errorf("message = %q, want %q", err, want)
		}
	})
}

// What an EnvoyFilter claims that its source was resolved to is asked for first. The
// source has the last word.
func TestAPreferredDigestIsTriedFirst(t *testing.T) {
	unavailable := failure.Transientf(v1alpha1.ReasonUnavailable, "503")
	tests := map[string]struct {
		ofDigest error // what the source says of the digest, and of the tag
		ofTag    error
		asked    []string
		reason   v1alpha1.Reason
	}{
		"it has it":                   {nil, nil, []string{digestX}, ""},
		"it does not have it":         {failure.Terminalf(v1alpha1.ReasonNotFound, "404"), nil, []string{digestX, x}, ""},
		"it does not answer":          {unavailable, nil, []string{digestX}, v1alpha1.ReasonUnavailable},
		"credentials do not suffice":  {failure.Terminalf(v1alpha1.ReasonUnauthorized, "401"), failure.Terminalf(v1alpha1.ReasonUnauthorized, "401"), []string{digestX, x}, v1alpha1.ReasonUnauthorized},
		"it does not answer any more": {failure.Terminalf(v1alpha1.ReasonNotFound, "404"), unavailable, []string{digestX, x}, v1alpha1.ReasonUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			var asked []string
			f.onResolve = func(_ context.Context, r source.Request) error {
				asked = append(asked, r.Source.Registry.Image)
				if r.Source.Registry.Image == digestX {
					return tt.ofDigest
				}
				return tt.ofTag
			}
			_, err := f.Ensure(t.Context(), image(x).Preferring(digestX))
			if diff := cmp.Diff(tt.asked, asked); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.reason == "") || (err != nil && failure.Of(err).Reason != tt.reason) {
				t.Errorf("Ensure = %v, want %q", err, tt.reason)
			}
		})
	}
}

// A tag that the source was asked for in the end does not become one that need not
// be.
func TestAPreferredDigestIsNotRemembered(t *testing.T) {
	f := newFixture(t)
	f.ensure(image(x).Preferring(digestX))
	f.ensure(image(x))
	f.expect(2, 1)
}
