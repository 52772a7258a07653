// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/sleep"
)

// slowFetcher is a Fetcher whose source takes its time.
type slowFetcher struct {
	*fetch.Fetcher
	*script
}

// script is what the source of a slowFetcher does.
type script struct {
	mu      sync.Mutex
	took    time.Duration
	err     error
	started int
	apart   bool // each fetch is one of its own, also for equal requests
}

func newSlowFetcher(t *testing.T, took time.Duration, err error) *slowFetcher {
	t.Helper()
	s, failed := store.Open(store.Options{Dir: t.TempDir()})
	if failed != nil {
		t.Fatal(failed)
	}
	f := &slowFetcher{script: &script{took: took, err: err}}
	f.Fetcher = fetch.New(fetch.Options{Store: s, Sources: f.script})
	t.Cleanup(f.Stop)
	return f
}

func (f *slowFetcher) Begin(ctx context.Context, r source.Request) *fetch.Task {
	if f.apart {
		r.Namespace = fmt.Sprint(r.Namespace, f.begun())
	}
	return f.Fetcher.Begin(ctx, r)
}

func (s *script) Resolve(ctx context.Context, _ source.Request) (*source.Resolved, error) {
	s.mu.Lock()
	s.started++
	took, err := s.took, s.err
	s.mu.Unlock()
	if err := sleep.For(ctx, took); err != nil {
		return nil, err
	}
	return &source.Resolved{Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(wasmtest.Module())), nil
	}}, err
}

func (s *script) Fingerprint(_ context.Context, r source.Request) (string, error) {
	return r.Secret, nil
}

// set changes what the source does from the next fetch on.
func (s *script) set(took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.err = took, err
}

// begun is how many fetches there have been.
func (s *script) begun() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// waits is an obtainer with what it enqueued.
type waits struct {
	obtainer
	*slowFetcher
	mu       sync.Mutex
	enqueued []string
}

func newWaits(t *testing.T, took time.Duration, err error) *waits {
	w := &waits{slowFetcher: newSlowFetcher(t, took, err)}
	w.apart = true
	enqueue := func(key types.NamespacedName) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.enqueued = append(w.enqueued, key.Name)
	}
	w.obtainer = obtainer{fetcher: w.slowFetcher, pending: newPendingFetches(w.slowFetcher, enqueue)}
	return w
}

// expectEnqueued compares the names of what was enqueued, in any order.
func (w *waits) expectEnqueued(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.enqueued)
	if diff := cmp.Diff(want, w.enqueued); diff != "" {
		t.Errorf("enqueued (-want +got):\n%s", diff)
	}
}

// waiting returns how many fetches are kept.
func (w *waits) waiting() int {
	w.pending.mu.Lock()
	defer w.pending.mu.Unlock()
	return len(w.pending.byKey)
}

// reason asks for the module of a generation, and waits for a second.
func (w *waits) reason(generation int64, edits ...func(*v1alpha1.AutoWasm)) v1alpha1.Reason {
	aw := autoWasm(edits...)
	aw.Generation = generation
	_, err := w.ensure(context.Background(), aw, source.RequestFor(aw))
	if err == nil {
		return ""
	}
	return failure.Of(err).Reason
}

func TestAQuickFetchEnqueuesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range []error{nil, failure.Terminalf(v1alpha1.ReasonNotFound, "no such image")} {
			w := newWaits(t, time.Millisecond, err)
			w.reason(1)
			w.expectEnqueued(t)
			if w.waiting() != 0 {
				t.Errorf("after %v: %d fetches kept", err, w.waiting())
			}
		}
	})
}

func TestASlowFailureIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, time.Minute, failure.Transientf(v1alpha1.ReasonUnavailable, "no answer"))
		if got := w.reason(1); got != v1alpha1.ReasonPending {
			t.Fatalf("at first: %s, want Pending", got)
		}
		time.Sleep(2 * time.Minute)
		w.expectEnqueued(t, "test")
		if got := w.reason(1); got != v1alpha1.ReasonUnavailable {
			t.Errorf("after the end: %s, want Unavailable", got)
		}
		if w.begun() != 1 || w.waiting() != 0 {
			t.Errorf("%d fetches, %d kept, want 1 and 0", w.begun(), w.waiting())
		}
	})
}

func TestAFailureThatSomethingMayHavePutRightIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, time.Minute, failure.Terminalf(v1alpha1.ReasonUnauthorized, "wrong password"))
		w.reason(1)
		w.set(0, nil) // the Secret is corrected while the old one is being tried
		w.reason(1)   // and its event brings the AutoWasm back
		time.Sleep(2 * time.Minute)
		if got := w.reason(1); got != "" {
			t.Errorf("after the end: %s, want the module", got)
		}
	})
}

func TestAFailureThatEndsWhileItIsAskedForAgainIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, fetchWait+fetchWait/2, failure.Terminalf(v1alpha1.ReasonUnauthorized, "wrong password"))
		w.reason(1)
		w.set(0, nil)
		if got := w.reason(1); got != "" { // it ends within the wait of this one
			t.Errorf("got %s, want the module", got)
		}
	})
}

func TestAFailureIsTriedAgainOnlyForThoseWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, 10*time.Second, failure.Terminalf(v1alpha1.ReasonUnauthorized, "wrong password"))
		for range 3 {
			w.reason(1)
		}
		time.Sleep(time.Minute)
		w.expectEnqueued(t, "test")
		if got := w.reason(1); got != v1alpha1.ReasonPending { // the first failure counts no more
			t.Errorf("%s, want Pending", got)
		}
		time.Sleep(time.Minute)
		w.expectEnqueued(t, "test", "test")
		if got := w.reason(1); got != v1alpha1.ReasonUnauthorized || w.begun() != 2 {
			t.Errorf("%s after %d fetches, want Unauthorized after 2", got, w.begun())
		}
	})
}

func TestANewGenerationIsANewFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, time.Minute, nil)
		w.reason(1)
		w.set(0, nil)
		if got := w.reason(2); got != "" {
			t.Errorf("generation 2: %s, want the module", got)
		}
		if w.begun() != 2 {
			t.Errorf("%d fetches, want 2", w.begun())
		}
	})
}

func TestForgetEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, time.Minute, nil)
		w.reason(1)
		w.pending.forget(testKey)
		if w.waiting() != 0 {
			t.Errorf("%d fetches kept", w.waiting())
		}
		time.Sleep(2 * time.Minute)
		if _, ok := w.Lookup(fmt.Sprintf("%x", sha256.Sum256(wasmtest.Module()))); !ok || w.begun() != 1 {
			t.Errorf("the module did not come after %d fetches", w.begun())
		}
	})
}

func TestAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, time.Minute, nil)
		w.reason(1)
		w.Stop()
		w.expectEnqueued(t, "test")
		for range 2 {
			if got := w.reason(1); got != v1alpha1.ReasonUnavailable {
				t.Errorf("%s, want Unavailable", got)
			}
		}
	})
}

// AutoWasms that name the same share a fetch, and each learns how it ended.
func TestAFetchForSeveralAutoWasms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(t, time.Minute, failure.Terminalf(v1alpha1.ReasonNotFound, "no such image"))
		w.apart = false
		other := func(aw *v1alpha1.AutoWasm) { aw.Name = "other" }
		w.reason(1)
		w.reason(1, other)
		time.Sleep(2 * time.Minute)
		w.expectEnqueued(t, "other", "test")
		if one, two := w.reason(1), w.reason(1, other); one != v1alpha1.ReasonNotFound || two != v1alpha1.ReasonNotFound {
			t.Errorf("%s and %s, want NotFound", one, two)
		}
		if w.begun() != 1 {
			t.Errorf("%d fetches", w.begun())
		}
	})
}
