package fill_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/fill"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

func TestReferences(t *testing.T) {
	inStatus, inFilter, foreign := hashOf([]byte("a")), hashOf([]byte("b")), envoyFilter("foreign", hashOf([]byte("c")), "")
	foreign.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "helm"})
	noModule := autowasm("new", "", "", registry())
	noModule.Status.Module = nil
	reader := cluster(t, autowasm("a", inStatus, "", registry()), noModule, autowasm("odd", "no hash", "", registry()), envoyFilter("b", inFilter, ""), foreign)
	got, err := fill.References(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]struct{}{inStatus: {}, inFilter: {}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := fill.References(t.Context(), broken(t)); err == nil {
		t.Error("a list that failed is taken for an empty one")
	}
}

// evicting runs an Evictor on a store with one module for as long as fn.
func evicting(t *testing.T, reader func(*testing.T) client.Client, o store.Options, fn func(*store.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Dir = t.TempDir()
		s, err := store.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, wanted)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		e := &fill.Evictor{Store: s, Reader: reader(t)}
		go func() { ended <- e.Start(ctx) }()
		fn(s)
		cancel()
		if err := <-ended; err != nil || e.NeedLeaderElection() {
			t.Errorf("Start = %v; leader only: %v", err, e.NeedLeaderElection())
		}
	})
}

func has(s *store.Store) bool {
	_, ok := s.Lookup(sha)
	return ok
}

func TestEvictorRemovesWhatNobodyNames(t *testing.T) {
	nobody := func(t *testing.T) client.Client { return cluster(t) }
	evicting(t, nobody, store.Options{Retention: 24 * time.Hour}, func(s *store.Store) {
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

func TestEvictorKeepsWhatIsNamed(t *testing.T) {
	for name, object := range map[string]client.Object{
		"an AutoWasm":    autowasm("a", sha, "", v1alpha1.Source{}),
		"an EnvoyFilter": envoyFilter("a", sha, ""),
	} {
		t.Run(name, func(t *testing.T) {
			named := func(t *testing.T) client.Client { return cluster(t, object) }
			evicting(t, named, store.Options{Retention: time.Hour}, func(s *store.Store) {
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
			t.Error("evicted although it is not known what is named")
		}
	})
}

func TestEvictorHurriesWhenRoomIsShort(t *testing.T) {
	nobody := func(t *testing.T) client.Client { return cluster(t) }
	evicting(t, nobody, store.Options{MaxTotalBytes: int64(len(wanted))}, func(s *store.Store) {
		time.Sleep(90 * time.Second)
		put(t, s, wasmtest.Module(wasmtest.Salt("one too many")))
		time.Sleep(11 * time.Second)
		if has(s) {
			t.Error("not evicted")
		}
	})
}
