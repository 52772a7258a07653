// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files a child may have open: those that it has, and what the runtime of Go opens.
const maxFiles = 16

// keepFiles has no child inherit the files that this process itself was started with: those that Go opens are never inherited.
// A kernel before 5.11 cannot do that.
func keepFiles() { _ = unix.CloseRange(moduleFile, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) }

// limitProcess puts the limits of a job in force. RLIMIT_DATA counts memory that can be written, and not what Go has
// reserved; a process that exceeds it ends. Two processors may work at once, one of them for the garbage collector.
func limitProcess(j job) error {
	seconds := uint64(2*j.Time/time.Second) + 2
	var errs []error
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_DATA:   uint64(j.Data),
		unix.RLIMIT_CPU:    seconds,
		unix.RLIMIT_NOFILE: maxFiles,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_CORE:   0,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			errs = append(errs, fmt.Errorf("set limit %d to %d: %w", resource, limit, err))
		}
	}
	return errors.Join(errs...)
}
