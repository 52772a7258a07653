// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files a child may have open: those that it has, and what the runtime of Go opens.
const maxFiles = 16

// keepFiles has no child inherit the files that this process itself was started with: those that Go opens are never inherited.
// A kernel before 5.11 cannot do that.
func keepFiles() { _ = unix.CloseRange(moduleFile, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) }

// limitProcess puts the limits of a job in force; a process that exceeds that of memory ends. It comes last that nothing can be
// opened any more. Two processors may work at once,
// one of them for the garbage collector.
func limitProcess(j job) error {
	seconds := uint64(2*j.Time/time.Second) + 2
	errs := []error{limitMemory(j.Data)}
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_CPU:    seconds,
		unix.RLIMIT_NOFILE: maxFiles,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_CORE:   0,
	} {
		errs = append(errs, limitTo(resource, limit))
	}
	runtime.GC() // of what limitMemory took, or the next collection would come late
	return errors.Join(append(errs, confine())...)
}

// processorTime is what all threads of this process have used.
func processorTime() time.Duration {
	var used unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used) != nil {
		return time.Since(started)
	}
	return time.Duration(used.Nano())
}

func limitTo(resource int, limit uint64) error {
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("set limit %d to %d: %w", resource, limit, err)
	}
	return nil
}

// spare is what the runtime of Go may map beside its heap, in bytes.
const spare = 16 << 20

// limitMemory has the memory of this process that can be written be data bytes, and at most MaxOvershoot more. RLIMIT_DATA alone
// does not: the heap of Go maps addresses anew that it had reserved, for which Linux checks what is mapped already, and not
// what is to be, so that one more allocation passes, however large. So the heap takes all that it may have at once, which
// costs nothing until it is written to, and has no more addresses from then on.
func limitMemory(data int64) error {
	_, writable, err := mapped()
	if err != nil {
		return err
	}
	all := make([]byte, max(0, data-int64(writable)))
	addresses, writable, err := mapped()
	runtime.KeepAlive(all)
	return errors.Join(err, limitTo(unix.RLIMIT_AS, addresses+spare), limitTo(unix.RLIMIT_DATA, writable+spare))
}

// mapped returns how many bytes of addresses this process has mapped, and how many of them can be written.
func mapped() (addresses, writable uint64, err error) {
	line, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, 0, err
	}
	var resident, shared, text, libraries uint64 // in pages, as the others
	if _, err := fmt.Sscan(string(line), &addresses, &resident, &shared, &text, &libraries, &writable); err != nil {
		return 0, 0, fmt.Errorf("read /proc/self/statm: %w", err)
	}
	page := uint64(os.Getpagesize())
	return addresses * page, writable * page, nil
}
