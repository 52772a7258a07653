// SPDX-License-Identifier: Apache-2.0

package host

import (
	"runtime"
	"testing"
	"time"
)

const (
	// longestLife is what no life of a filter takes, whose calls all have a limit of time.
	longestLife = time.Minute
	// livesBetween are those after which memory is counted, which takes a collection.
	livesBetween = 200
	// leftMemory is what may be in use more than when it was counted first, in bytes. Fuzzing itself allocates 100 MiB at some
	// time.
	leftMemory = 160 << 20
)

// lives watches what filters leave behind that were run one after the other.
type lives struct {
	ended int
	heap  uint64 // in use when it was counted first, in bytes
}

// begin begins a life. What it returns ends it, and checks that nothing of it is left.
func (l *lives) begin(t *testing.T) (end func()) {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	hung := time.AfterFunc(longestLife, func() { panic("a filter did not end") }) // which shows all goroutines
	return func() {
		t.Helper()
		hung.Stop()
		for wait := time.Microsecond; runtime.NumGoroutine() > goroutines; wait *= 2 {
			if wait > time.Second {
				t.Fatalf("%d goroutines, and %d before", runtime.NumGoroutine(), goroutines)
			}
			time.Sleep(wait)
		}
		l.ended++
		if l.ended%livesBetween == 0 {
			l.checkMemory(t)
		}
	}
}

func (l *lives) checkMemory(t *testing.T) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if l.heap == 0 {
		l.heap = m.HeapAlloc
	}
	if m.HeapAlloc > l.heap+leftMemory {
		t.Fatalf("%d MiB are in use after %d filters, and %d MiB before", m.HeapAlloc>>20, l.ended, l.heap>>20)
	}
}

// TestNothingIsLeft of filters that came to an end of any kind: no goroutine, and no memory, of which each had some MiB.
func TestNothingIsLeft(t *testing.T) {
	grow := join(i32(100), []byte{0x40, 0, 0x1a}) // memory.grow by 100 pages, dropped
	var l lives
	for name, code := range map[string][]byte{
		"passes": i32(0), "traps": trap, "loops": {0x03, 0x40, 0x0c, 0, 0x0b, 0x00},
	} {
		l.checkMemory(t)
		for range 12 {
			end := l.begin(t)
			err := live(t.Context(), filter(onHeaders("request", grow, code)), nil)
			if checkFailure(t, err); err != nil != (name != "passes") {
				t.Errorf("%s: %v", name, err)
			}
			end()
		}
		l.checkMemory(t)
	}
}
