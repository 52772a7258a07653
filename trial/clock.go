// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"
)

// patience is how many times as long as its processor time a trial may take, where other processes have the processors.
const patience = 12

// started is about when this process began.
var started = time.Now()

// longest is when a trial ends that waits for a processor.
func (j job) longest() time.Duration { return patience * j.Time }

// late and spent are why a trial ends by its time.
func (j job) late() error  { return fmt.Errorf("it took longer than %s", j.longest()) }
func (j job) spent() error { return fmt.Errorf("it took more than %s of processor time", j.Time) }

// spentBy reports whether err is of a process that the kernel ended for the time that it used.
func (j job) spentBy(err error) bool {
	ended, ok := errors.AsType[*exec.ExitError](err)
	return ok && !ended.Exited() && ended.UserTime()+ended.SystemTime() > j.Time
}

// timed returns a context that ends once this process has used the time of its job, whose cause says so. Call stop after use: it
// waits for who looks at the clock.
func (j job) timed(parent context.Context) (ctx context.Context, stop func()) {
	waiting, cancel := context.WithTimeoutCause(parent, j.longest(), j.late())
	ctx, end := context.WithCancelCause(waiting)
	var watch sync.WaitGroup
	watch.Go(func() { end(j.watch(waiting)) })
	return ctx, func() {
		cancel()
		watch.Wait()
	}
}

// watch returns why the trial is to end, once it is, or the cause of the context's end.
func (j job) watch(ctx context.Context) error {
	for {
		left := j.Time - processorTime()
		if left <= 0 {
			return j.spent()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(max(left/2, 10*time.Millisecond)): // two processors may work for it
		}
	}
}
