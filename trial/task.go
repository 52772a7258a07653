// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"time"
)

// Task is a trial that any number of callers wait for and none of them owns.
type Task struct {
	done   context.Context // ends when result is set
	finish context.CancelFunc
	result Result
}

func newTask() *Task {
	done, finish := context.WithCancel(context.Background())
	return &Task{done: done, finish: finish}
}

// over is a context that has ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// EndedTask returns a Task that has ended.
func EndedTask(r Result) *Task { return &Task{done: over, result: r} }

// TaskAfter returns a Task that ends with a result after some time, for tests of who waits for it.
func TaskAfter(wait time.Duration, r Result) *Task {
	if wait <= 0 {
		return EndedTask(r)
	}
	t := newTask()
	time.AfterFunc(wait, func() { t.end(r) })
	return t
}

func (t *Task) end(r Result) {
	t.result = r
	t.finish()
}

// Done is closed when the trial has ended.
func (t *Task) Done() <-chan struct{} { return t.done.Done() }

// Result returns the outcome. Call it once Done is closed.
func (t *Task) Result() Result { return t.result }

// AfterDone has f called, in a goroutine of its own, once the trial has ended, at once if it has.
func (t *Task) AfterDone(f func()) { context.AfterFunc(t.done, f) }

// Wait returns the outcome, or false when ctx ends first. The trial goes on then.
func (t *Task) Wait(ctx context.Context) (Result, bool) {
	select {
	case <-t.Done():
		return t.result, true
	case <-ctx.Done():
		return Result{}, false
	}
}
