// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"

	"github.com/autowasm/autowasm/e2e/process"
)

// Timeout is how long anything may take before it counts as failed.
const Timeout = process.Timeout

// A ComponentError says that a part of the environment did not come up, or died, and shows the end of its log.
type ComponentError = process.Error

// Poll tries until it succeeds, the context ends or Timeout is over. Then it returns the last error that is not the
// context's own.
func Poll(ctx context.Context, try func(context.Context) error) error { return process.Poll(ctx, try) }

// Tail returns the last lines of a file, at most n of them and no more than 16 KiB, without their line ends.
func Tail(path string, n int) ([]string, error) { return process.Tail(path, n) }
