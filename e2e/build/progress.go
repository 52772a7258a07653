package build

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Announce is announce for what somebody else does that takes long.
func (b *Builder) Announce(what string) (done func(error)) { return b.announce(what) }

// announce says what is going on and for how long, until done is called: in place on a terminal, else with a
// line every half a minute, so that a log shows that the build is alive without being filled by it.
func (b *Builder) announce(what string) (done func(error)) {
	w := b.Progress
	if w == nil {
		w = io.Discard
	}
	return announce(w, isTerminal(w), time.Now, what)
}

func announce(w io.Writer, terminal bool, now func() time.Time, what string) (done func(error)) {
	began := now()
	every, format := 30*time.Second, "%s … %s\n"
	last := format
	if terminal {
		every, format, last = time.Second, "\r%s … %s\x1b[K", "\r%s … %s\x1b[K\n"
	}
	show := func() { fmt.Fprintf(w, format, what, elapsed(began, now())) }
	show()
	stop := tick(every, show)
	return func(err error) {
		stop()
		fmt.Fprintf(w, last, what, outcome(err, elapsed(began, now())))
	}
}

// tick calls fn at intervals until stop, which returns only when fn will not be called again.
func tick(every time.Duration, fn func()) (stop func()) {
	quit := make(chan struct{})
	var finished sync.WaitGroup
	finished.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				fn()
			}
		}
	})
	return func() { close(quit); finished.Wait() }
}

func elapsed(from, to time.Time) time.Duration { return to.Sub(from).Round(time.Second) }

func outcome(err error, after time.Duration) string {
	if err != nil {
		return fmt.Sprintf("failed after %s", after)
	}
	return fmt.Sprintf("done after %s", after)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
