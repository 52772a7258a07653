// SPDX-License-Identifier: Apache-2.0

package fairworkers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/autowasm/autowasm/internal/sleep"
)

// workers is how many the controller of a test has.
const workers = 4

// shared is a controller whose reconciles take a time for each namespace, in a time of its own.
type shared struct {
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	fair  *Reconciler
	takes map[string]time.Duration
	begun time.Time

	mu      sync.Mutex
	fails   map[string]error
	running map[string]int
	most    map[string]int
	ended   map[string]time.Duration // when the last one of a namespace was over
	count   map[string]int
}

// Reconcile implements reconcile.Reconciler.
func (s *shared) Reconcile(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
	_ = s.note(r.Namespace, 1)
	_ = sleep.For(ctx, s.takes[r.Namespace])
	return reconcile.Result{}, s.note(r.Namespace, -1)
}

func (s *shared) note(namespace string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[namespace] += n
	s.most[namespace] = max(s.most[namespace], s.running[namespace])
	if n < 0 {
		s.ended[namespace] = time.Since(s.begun)
		s.count[namespace]++
	}
	return s.fails[namespace]
}

// reconciled returns how often objects of a namespace were reconciled, and when the last one was.
func (s *shared) reconciled(namespace string) (n int, last time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[namespace], s.ended[namespace]
}

// add enqueues that many objects of a namespace.
func (s *shared) add(namespace string, objects int) {
	for i := range objects {
		s.queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}})
	}
	synctest.Wait()
}

// share runs a test of a controller and stops it.
func share(t *testing.T, takes map[string]time.Duration, test func(t *testing.T, s *shared)) {
	synctest.Test(t, func(t *testing.T) {
		s := &shared{
			takes: takes, begun: time.Now(), fails: map[string]error{},
			running: map[string]int{}, most: map[string]int{}, ended: map[string]time.Duration{}, count: map[string]int{},
		}
		s.fair = New(s, workers)
		c, err := controller.NewUnmanaged("shared", controller.Options{
			Reconciler: s.fair, MaxConcurrentReconciles: workers, SkipNameValidation: new(true),
		})
		if err != nil {
			t.Fatal(err)
		}
		start := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			s.queue = queue
			return nil
		})
		if err := errors.Join(c.Watch(start), c.Watch(s.fair)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := c.Start(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		test(t, s)
		cancel()
		running.Wait()
	})
}

// However many objects a namespace has, and however long they take: the others' are reconciled at once, and its own all
// the same.
func TestANamespaceDelaysNoReconcileOfAnother(t *testing.T) {
	share(t, map[string]time.Duration{"greedy": time.Second}, func(t *testing.T, s *shared) {
		s.add("greedy", 1000)
		s.add("modest", 3)
		if n, took := s.reconciled("modest"); n != 3 || took != 0 {
			t.Errorf("%d of 3 objects are reconciled, the last after %s", n, took)
		}
		time.Sleep(time.Hour)
		if n, took := s.reconciled("greedy"); n != 1000 || took != 500*time.Second {
			t.Errorf("%d of 1000 objects are reconciled, the last after %s", n, took)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.most["greedy"] != workers/2 {
			t.Errorf("%d at once", s.most["greedy"])
		}
		s.fair.mu.Lock()
		defer s.fair.mu.Unlock()
		if len(s.fair.namespaces) != 0 {
			t.Errorf("%d namespaces are kept", len(s.fair.namespaces))
		}
	})
}

// What is parked is reconciled once, however often it is enqueued meanwhile; what fails is tried again.
func TestParkedOnce(t *testing.T) {
	share(t, map[string]time.Duration{"a": time.Second}, func(t *testing.T, s *shared) {
		for range 5 {
			s.add("a", 10)
		}
		time.Sleep(time.Minute)
		if n, _ := s.reconciled("a"); n < 10 || n > 10+workers/2 { // those that ran at first, once more
			t.Errorf("%d reconciles of 10 objects", n)
		}
		s.mu.Lock()
		s.fails["b"] = errors.New("not yet")
		s.mu.Unlock()
		s.add("b", 10)
		time.Sleep(time.Minute)
		if n, _ := s.reconciled("b"); n < 50 {
			t.Errorf("%d reconciles of 10 objects that fail", n)
		}
	})
}
