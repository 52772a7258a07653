// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/render"
)

// Argument is the only argument of a program that is to be a child.
const Argument = "try-a-module"

// job is what a child is to do.
type job struct {
	Settings render.Settings
	// Size of the module in bytes, which is read from file 3.
	Size int64
	// Data is the limit of memory that can be written, in bytes.
	Data int64
	// Time of the processor for all of it.
	Time time.Duration
}

// limits are those of the module: its linear memory is copied as it grows, and the host keeps what the module gives it. One call
// may take all the time that there is.
func (j job) limits() host.Limits {
	return host.Limits{Memory: uint64(j.Data / 4), CallTime: j.longest(), Output: 1 << 20, Held: 4 << 20}
}

// moduleFile is the number of the file that holds the module.
const moduleFile = 3

// Child reads a job from the standard input, makes the trial with limits for this whole process, and writes the result to
// the standard output. The program ends after it.
func Child() error {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return fmt.Errorf("read what to try: %w", err)
	}
	if j.Size <= 0 || j.Size > module.MaxSize {
		return fmt.Errorf("a module of %d bytes is not tried", j.Size)
	}
	if err := limitProcess(j); err != nil {
		return fmt.Errorf("limit this process: %w", err)
	}
	debug.SetMemoryLimit(j.Data / 8 * 7)
	wasm := make([]byte, j.Size)
	if _, err := io.ReadFull(os.NewFile(moduleFile, "the module"), wasm); err != nil {
		return fmt.Errorf("read the module: %w", err)
	}
	ctx, stop := j.timed(context.Background())
	defer stop()
	if err := json.NewEncoder(os.Stdout).Encode(Run(ctx, wasm, j.Settings, j.limits())); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
