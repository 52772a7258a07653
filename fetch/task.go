// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/fairness"
)

// Task is work in the background that any number of callers wait for and none of them owns.
type Task struct {
	of     ask             // who started it for what
	done   context.Context // ends when module and err are set
	end    context.CancelFunc
	module Module
	err    error
}

func newTask(of ask) *Task {
	done, end := context.WithCancel(context.Background())
	return &Task{of: of, done: done, end: end}
}

// EndedTask returns a Task that has ended.
func EndedTask(m Module, err error) *Task {
	t := newTask(ask{})
	t.module, t.err = m, err
	t.end()
	return t
}

// Done is closed when the task has ended.
func (t *Task) Done() <-chan struct{} { return t.done.Done() }

// Result returns the module or the *failure.Error with which the task ended. Call it once Done is closed.
func (t *Task) Result() (Module, error) { return t.module, t.err }

// AfterDone has fn called, in a goroutine of its own, once the task has ended, at once if it has.
func (t *Task) AfterDone(fn func()) { context.AfterFunc(t.done, fn) }

// wait returns the result, or v1alpha1.ReasonPending when ctx ends first.
func (t *Task) wait(ctx context.Context) (Module, error) {
	select {
	case <-t.Done():
		return t.module, t.err
	case <-ctx.Done():
		return Module{}, failure.Transientf(v1alpha1.ReasonPending, "%s is being fetched in the background: %w", t.of, context.Cause(ctx))
	}
}

// tasks is the single flight of one kind of work: there is at most one task per key.
//
// golang.org/x/sync/singleflight does not do: it has no bounds, nothing waits for its goroutines when the server
// stops, and a panic over what a source sent ends the process.
type tasks[K comparable] struct {
	owner *owner
	limit int
	ended func(key K, err error) // called at the end of each; nil calls nothing

	mu      sync.Mutex
	running map[K]*Task
	started fairness.Counter[string] // of those that run, by the namespace that started them
}

// newTasks bounds the tasks that run at once, and those that one namespace started.
func newTasks[K comparable](o *owner, limit, limitOfOne int) *tasks[K] {
	return &tasks[K]{owner: o, limit: limit, running: map[K]*Task{}, started: fairness.NewCounter[string](limitOfOne)}
}

// start returns the task of the key, which it starts in the background if there is none, with the logger of ctx.
func (g *tasks[K]) start(ctx context.Context, key K, of ask, fn func(context.Context) (Module, error)) (*Task, error) {
	t, added, err := g.add(key, of)
	if !added {
		return t, err
	}
	own := log.IntoContext(g.owner.ctx, log.FromContext(ctx))
	if err := g.owner.run(func() { g.run(own, key, t, fn) }); err != nil {
		g.end(key, t, Module{}, err)
	}
	return t, nil
}

// add returns the task of the key, which it adds if there is none. Whoever added it must end it.
func (g *tasks[K]) add(key K, of ask) (t *Task, added bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.running[key]; t != nil {
		return t, false, nil
	}
	switch {
	case len(g.running) >= g.limit:
		return nil, false, failure.Transientf(v1alpha1.ReasonUnavailable, "too many fetches are under way (%d)", g.limit)
	case g.started.Full(of.tenant):
		return nil, false, failure.Transientf(v1alpha1.ReasonUnavailable, "too many fetches for namespace %s are under way (%d)", of.tenant, g.started.Limit)
	}
	t = newTask(of)
	g.running[key] = t
	g.started.Add(of.tenant)
	return t, true, nil
}

// run ends the task with what fn returns. A panic over what a source or a peer sent is an error.
func (g *tasks[K]) run(ctx context.Context, key K, t *Task, fn func(context.Context) (Module, error)) {
	var m Module
	var err error
	defer func() {
		if p := recover(); p != nil {
			log.FromContext(ctx).Error(fmt.Errorf("panic: %v", p), "Fetch panicked", "stack", string(debug.Stack()))
			m, err = Module{}, failure.Transientf(v1alpha1.ReasonUnavailable, "internal error: %v", p)
		}
		g.end(key, t, m, err)
	}()
	m, err = fn(ctx)
}

// end makes the result of a task known, and forgets it before: who asks later starts another.
func (g *tasks[K]) end(key K, t *Task, m Module, err error) {
	if g.ended != nil {
		g.ended(key, err)
	}
	g.mu.Lock()
	delete(g.running, key)
	g.started.Remove(t.of.tenant)
	g.mu.Unlock()
	t.module, t.err = m, err
	t.end()
}

// find returns the task of the key, nil when there is none.
func (g *tasks[K]) find(key K) *Task {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running[key]
}

func (g *tasks[K]) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.running)
}

// owner is whom the tasks belong to: it can cancel all of them and wait.
type owner struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex // no work begins while ctx is cancelled
	work sync.WaitGroup
}

func newOwner() *owner {
	ctx, cancel := context.WithCancel(context.Background())
	return &owner{ctx: ctx, cancel: cancel}
}

// run starts fn in the background, unless everything has been stopped.
func (o *owner) run(fn func()) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx.Err() != nil {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "the server is stopping")
	}
	o.work.Go(fn)
	return nil
}

// stop cancels the work that runs, lets no more begin, and waits.
func (o *owner) stop() {
	o.mu.Lock()
	o.cancel()
	o.mu.Unlock()
	o.work.Wait()
}
