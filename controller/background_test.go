package controller

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// script is a Fetcher whose answers take their time.
type script struct {
	mu      sync.Mutex
	took    time.Duration
	err     error
	started int
}

func (s *script) set(took time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.err = took, err
}

func (s *script) Ensure(ctx context.Context, _ source.Request) (fetch.Module, error) {
	s.mu.Lock()
	s.started++
	took, err := s.took, s.err
	s.mu.Unlock()
	select {
	case <-time.After(took):
		return fetched(shaA), err
	case <-ctx.Done():
		return fetch.Module{}, ctx.Err()
	}
}

func (s *script) Lookup(string) (module.Info, bool) { return module.Info{}, false }

// waits is a background with what it woke.
type waits struct {
	*background
	*script
	mu    sync.Mutex
	woken []string
}

func newWaits(took time.Duration, err error) *waits {
	w := &waits{script: &script{took: took, err: err}}
	w.background = newBackground(w.script, func(key types.NamespacedName) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.woken = append(w.woken, key.String())
	})
	return w
}

// wokenSoFar returns the keys in the order in which they were woken.
func (w *waits) wokenSoFar() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.woken)
}

// waiting returns how many attempts are remembered.
func (w *waits) waiting() int {
	w.background.mu.Lock()
	defer w.background.mu.Unlock()
	return len(w.background.waits)
}

// reason asks for the module of generation 1 with a second's patience.
func (w *waits) reason(generation int64) v1alpha1.Reason {
	_, err := w.ensure(context.Background(), testKey, generation, time.Second, source.RequestFor(autoWasm()))
	if err == nil {
		return ""
	}
	return failure.Of(err).Reason
}

func TestAQuickFetchWakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range []error{nil, failure.Terminalf(v1alpha1.ReasonNotFound, "no such image")} {
			w := newWaits(time.Millisecond, err)
			w.reason(1)
			synctest.Wait()
			if w.wokenSoFar() != nil || w.waiting() != 0 {
				t.Errorf("after %v: woken %v, %d waits left", err, w.wokenSoFar(), w.waiting())
			}
		}
	})
}

func TestASlowFailureIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(time.Minute, failure.Transientf(v1alpha1.ReasonUnavailable, "no answer"))
		if got := w.reason(1); got != v1alpha1.ReasonPending {
			t.Fatalf("at first: %s, want Pending", got)
		}
		time.Sleep(2 * time.Minute)
		if diff := cmp.Diff([]string{"shop/test"}, w.wokenSoFar()); diff != "" {
			t.Errorf("woken (-want +got):\n%s", diff)
		}
		if got := w.reason(1); got != v1alpha1.ReasonUnavailable {
			t.Errorf("after the end: %s, want Unavailable", got)
		}
		if w.started != 1 || w.waiting() != 0 {
			t.Errorf("%d fetches, %d waits left, want 1 and 0", w.started, w.waiting())
		}
	})
}

func TestAFailureThatSomethingMayHavePutRightIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(time.Minute, failure.Terminalf(v1alpha1.ReasonUnauthorized, "wrong password"))
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
		w := newWaits(1500*time.Millisecond, failure.Terminalf(v1alpha1.ReasonUnauthorized, "wrong password"))
		w.reason(1)
		w.set(0, nil)
		if got := w.reason(1); got != "" { // it ends within the patience of this one
			t.Errorf("got %s, want the module", got)
		}
	})
}

func TestAFailureIsTriedAgainOnlyForThoseWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(10*time.Second, failure.Terminalf(v1alpha1.ReasonUnauthorized, "wrong password"))
		for range 3 {
			w.reason(1)
		}
		time.Sleep(time.Minute)
		if got := w.reason(1); got != v1alpha1.ReasonUnauthorized || w.started != 2 {
			t.Errorf("%s after %d fetches, want Unauthorized after 2", got, w.started)
		}
	})
}

func TestANewGenerationIsANewFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(time.Minute, nil)
		w.reason(1)
		w.set(0, nil)
		if got := w.reason(2); got != "" {
			t.Errorf("generation 2: %s, want the module", got)
		}
		if w.started != 2 {
			t.Errorf("%d fetches, want 2", w.started)
		}
		synctest.Wait() // the first one was cancelled: nothing is left running
	})
}

func TestForgetAndStopCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaits(time.Hour, nil)
		w.reason(1)
		w.forget(testKey)
		synctest.Wait()
		if w.waiting() != 0 {
			t.Errorf("%d waits left", w.waiting())
		}
		w.reason(1)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Start(ctx) }()
		begun := time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(begun) > time.Second {
			t.Errorf("Start ended after %s with %v", time.Since(begun), err)
		}
		w.forget(testKey)
		if got := w.reason(1); got != v1alpha1.ReasonUnavailable {
			t.Errorf("after the stop: %s, want Unavailable", got)
		}
	})
}
