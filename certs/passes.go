// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// resync is how often the caBundles are compared without an event: certificates expire without one.
	resync = 10 * time.Minute
	// batch is how long events are gathered before a pass.
	batch = 50 * time.Millisecond
	// minBackoff and maxBackoff bound the delay after a failed pass.
	minBackoff = 250 * time.Millisecond
	maxBackoff = time.Minute
)

// passes runs a pass at once, after each event of informers, and after each failure with exponential backoff. It is
// level-triggered: a pass compares what is with what should be.
type passes struct {
	pass func(ctx context.Context, now time.Time) error

	mu   sync.Mutex
	last error
}

func newPasses(pass func(ctx context.Context, now time.Time) error) *passes {
	return &passes{pass: pass, last: errors.New("no caBundle has been compared yet")}
}

// queue has one item, which stands for a pass.
type queue = workqueue.TypedRateLimitingInterface[struct{}]

func newQueue() queue {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[struct{}](minBackoff, maxBackoff))
}

// run ends when ctx does. watch makes the informers, which are to call changed at each event.
func (p *passes) run(ctx context.Context, watch func(changed func()) []informers.SharedInformerFactory) error {
	q := newQueue()
	defer q.ShutDown()
	stop, err := startInformers(ctx, watch(func() { q.AddAfter(struct{}{}, batch) }))
	if err != nil {
		return err
	}
	defer stop()
	defer context.AfterFunc(ctx, q.ShutDown)()
	q.Add(struct{}{})
	for p.next(ctx, q) {
	}
	return nil
}

// next runs the next pass. It returns false once q has been shut down.
func (p *passes) next(ctx context.Context, q queue) bool {
	item, shutDown := q.Get()
	if shutDown {
		return false
	}
	defer q.Done(item)
	err := p.pass(ctx, time.Now())
	p.record(err)
	if err != nil {
		logFailure(ctx, err)
		q.AddRateLimited(item)
		return true
	}
	q.Forget(item)
	return true
}

// logFailure logs why a pass failed. A conflict with another replica, or a Secret that is yet to come, is no error.
func logFailure(ctx context.Context, err error) {
	log := ctrl.LoggerFrom(ctx)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		log.V(1).Info("Cannot write the caBundle yet, trying again", "err", err.Error())
		return
	}
	log.Error(err, "Cannot keep the caBundle current, trying again")
}

func (p *passes) record(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = err
}

// lastError returns why the last pass failed; nil when it succeeded.
func (p *passes) lastError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}
