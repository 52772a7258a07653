// SPDX-License-Identifier: Apache-2.0

// Package fairworkers divides the workers of a controller between namespaces.
package fairworkers

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Reconciler has one namespace take at most half of a controller's workers. A request of a namespace that has its share
// is parked, without its worker, until one of the namespace's own ends: so neither thousands of its objects in the
// controller's queue nor some that take long keep the objects of others waiting.
//
// It is also a source of the controller, which must have it as one: requests that were parked come back through it.
type Reconciler struct {
	inner reconcile.Reconciler
	share int

	mu         sync.Mutex
	queue      workqueue.TypedRateLimitingInterface[reconcile.Request]
	namespaces map[string]*namespace
}

// namespace has running requests; parked ones, the oldest first, only while they are its whole share.
type namespace struct {
	running  int
	parked   []reconcile.Request
	isParked map[reconcile.Request]bool
}

// New makes a Reconciler of another one, whose controller has that many workers.
func New(inner reconcile.Reconciler, workers int) *Reconciler {
	return &Reconciler{inner: inner, share: max(1, workers/2), namespaces: map[string]*namespace{}}
}

// Start implements source.Source.
func (r *Reconciler) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = queue
	return nil
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if !r.begin(request) {
		return reconcile.Result{}, nil
	}
	defer r.end(request.Namespace)
	return r.inner.Reconcile(ctx, request)
}

// begin reports whether a request may run; if not, it is parked.
func (r *Reconciler) begin(request reconcile.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.namespaces[request.Namespace]
	if n == nil {
		n = &namespace{isParked: map[reconcile.Request]bool{}}
		r.namespaces[request.Namespace] = n
	}
	if n.running < r.share {
		n.running++
		return true
	}
	if !n.isParked[request] {
		n.isParked[request] = true
		n.parked = append(n.parked, request)
	}
	return false
}

// end puts the oldest parked request of a namespace back into the queue.
func (r *Reconciler) end(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.namespaces[name]
	n.running--
	if len(n.parked) > 0 {
		next := n.parked[0]
		n.parked = n.parked[1:]
		delete(n.isParked, next)
		r.queue.Add(next)
		return
	}
	if n.running == 0 {
		delete(r.namespaces, name)
	}
}
