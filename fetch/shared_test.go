// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// shared is what another replica knows, and what this one lets it know.
type shared struct {
	known   map[string]string // sha256 by source
	settled map[string]string
}

func (s *shared) Claim(_ context.Context, source string) string { return s.known[source] }

func (s *shared) Settle(_ context.Context, source, sha256 string) { s.settled[source] = sha256 }

// sharing gives a Fetcher what another replica knows.
func sharing(known map[string]string) (*shared, func(*fetch.Options)) {
	s := &shared{known: known, settled: map[string]string{}}
	return s, func(o *fetch.Options) { o.Shared = s }
}

func (s *shared) expectSettled(t *testing.T, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, s.settled); diff != "" {
		t.Errorf("other replicas were let know (-want +got):\n%s", diff)
	}
}

// What another replica has from the very source is not downloaded again, and counts as the source's from then on.
func TestEnsureTakesTheModuleFromAnotherReplica(t *testing.T) {
	s, option := sharing(map[string]string{digestX: shaX})
	f := newFixture(t, option, peers(sibling(t), sibling(t, moduleX)))
	if got := f.ensure(image(x)); got.SHA256 != shaX || got.Reference != digestX {
		t.Errorf("the module is %+v", got)
	}
	f.expect(1, 0)
	s.expectSettled(t, map[string]string{})
	f.restart() // without the others
	f.ensure(image(x, always))
	f.expect(2, 0)
}

// Each replica still asks the source, with the credentials of who wants the module, whether they may have it.
func TestEnsureTakesNothingThatTheSourceRefuses(t *testing.T) {
	_, option := sharing(map[string]string{digestX: shaX})
	f := newFixture(t, option, peers(sibling(t, moduleX)))
	f.password = "another"
	f.refused(image(x), v1alpha1.ReasonUnauthorized, true)
	if _, ok := f.Lookup(shaX); ok {
		t.Error("the module was copied")
	}
}

// What other replicas do not have, or not any more, comes from its source.
func TestEnsureDownloadsWhatNoReplicaHas(t *testing.T) {
	tests := []struct {
		name  string
		known map[string]string
		urls  []string
	}{
		{"nothing is known", nil, []string{sibling(t, moduleX)}},
		{"it is not there any more", map[string]string{digestX: shaX}, []string{sibling(t)}},
		{"there are none", map[string]string{digestX: shaX}, nil},
		{"they are gone", map[string]string{digestX: shaX}, []string{"http://127.0.0.1:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, option := sharing(tt.known)
			f := newFixture(t, option, peers(tt.urls...))
			f.ensure(image(x))
			f.expect(1, 1)
			s.expectSettled(t, map[string]string{digestX: shaX})
		})
	}
}

// A download that fails is not waited for any longer.
func TestAFailedDownloadIsSettled(t *testing.T) {
	s, option := sharing(nil)
	f := newFixture(t, option)
	f.onOpen = func(context.Context, source.Request) error {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "no")
	}
	f.refused(image(x), v1alpha1.ReasonUnavailable, false)
	s.expectSettled(t, map[string]string{digestX: ""})
}

// What may be other bytes tomorrow, and what the API server has, is each replica's own.
func TestWhatIsNotShared(t *testing.T) {
	s, option := sharing(nil)
	mutable := newFixture(t, option)
	mutable.mutable = true
	mutable.ensure(image(x))
	configMap := newFixture(t, option)
	configMap.set("configmap/cm", moduleX)
	configMap.ensure(source.Request{Namespace: "ns", Source: v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "cm", Key: "k"}}})
	s.expectSettled(t, map[string]string{})
}
