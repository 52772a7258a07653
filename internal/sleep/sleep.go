// SPDX-License-Identifier: Apache-2.0

// Package sleep waits.
package sleep

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends, and then returns its error.
//
// It makes no timer with a channel, as time.After does. When two goroutines of one bubble of testing/synctest find such
// timers due at once, which those of no time always are, Go 1.26's race detector can crash: the runtime runs both in its one
// context of the bubble (runtime.(*timer).maybeRunChan).
func For(ctx context.Context, d time.Duration) error {
	over, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-over.Done()
	return ctx.Err()
}
