// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

func TestReferences(t *testing.T) {
	inStatus, inFilter, foreign := hashOf([]byte("a")), hashOf([]byte("b")), envoyFilter("foreign", hashOf([]byte("c")), "")
	foreign.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "helm"})
	noModule := autowasm("new", "", "", registrySource(x))
	noModule.Status.Module = nil
	reader := cluster(autowasm("a", inStatus, "", registrySource(x)), noModule, autowasm("odd", "no hash", "", registrySource(x)), envoyFilter("b", inFilter, ""), foreign)
	got, err := fetch.References(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sets.New(inStatus, inFilter), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := fetch.References(t.Context(), broken()); err == nil {
		t.Error("a list that failed is taken for an empty one")
	}
}

// evicting runs an Evictor on a store with one module for as long as fn.
func evicting(t *testing.T, reader func() client.Client, o store.Options, fn func(*store.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Dir = t.TempDir()
		s, err := store.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, moduleX)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		e := &fetch.Evictor{Store: s, Reader: reader()}
		go func() { ended <- e.Start(ctx) }()
		fn(s)
		cancel()
		if err := <-ended; err != nil || e.NeedLeaderElection() {
			t.Errorf("Start = %v; leader only: %v", err, e.NeedLeaderElection())
		}
	})
}

func has(s *store.Store) bool {
	_, ok := s.Lookup(hashOf(moduleX))
	return ok
}

func TestEvictorRemovesWhatNothingReferences(t *testing.T) {
	nothing := func() client.Client { return cluster() }
	evicting(t, nothing, store.Options{Retention: 24 * time.Hour}, func(s *store.Store) {
		time.Sleep(24 * time.Hour)
		if !has(s) {
			t.Error("evicted within the retention")
		}
		time.Sleep(12 * time.Minute)
		if has(s) {
			t.Error("not evicted")
		}
	})
}

func TestEvictorKeepsWhatIsReferenced(t *testing.T) {
	for name, object := range map[string]client.Object{
		"an AutoWasm":    autowasm("a", hashOf(moduleX), "", v1alpha1.Source{}),
		"an EnvoyFilter": envoyFilter("a", hashOf(moduleX), ""),
	} {
		t.Run(name, func(t *testing.T) {
			referenced := func() client.Client { return cluster(object) }
			evicting(t, referenced, store.Options{Retention: time.Hour}, func(s *store.Store) {
				time.Sleep(100 * time.Hour)
				if !has(s) {
					t.Error("evicted")
				}
			})
		})
	}
}

func TestEvictorWithoutKnowledgeDoesNothing(t *testing.T) {
	evicting(t, broken, store.Options{Retention: time.Hour}, func(s *store.Store) {
		time.Sleep(100 * time.Hour)
		if !has(s) {
			t.Error("evicted although it is not known what is referenced")
		}
	})
}

func TestEvictorHurriesWhenRoomIsShort(t *testing.T) {
	nothing := func() client.Client { return cluster() }
	evicting(t, nothing, store.Options{MaxTotalBytes: 8 << 10}, func(s *store.Store) {
		time.Sleep(90 * time.Second)
		put(t, s, wasmtest.Module(wasmtest.Salt("one too many")))
		time.Sleep(11 * time.Second)
		if has(s) {
			t.Error("not evicted")
		}
	})
}
