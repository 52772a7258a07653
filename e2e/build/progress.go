// SPDX-License-Identifier: Apache-2.0

package build

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Announce says that something goes on, and for how long, until done is called.
func (b *Builder) Announce(what string) (done func(error)) { return b.begin(what, "").done }

// begin says that something goes on, and with the first line, what to expect of it, until the task is done.
func (b *Builder) begin(what, hint string) *task {
	w := b.Progress
	if w == nil {
		w = io.Discard
	}
	return begin(w, isTerminal(w), time.Now, what, hint)
}

// A task is something that takes long and says so: in place on a terminal, else with a line every few seconds.
type task struct {
	w        io.Writer
	terminal bool
	what     string
	now      func() time.Time
	began    time.Time
	stop     func()

	mu     sync.Mutex
	detail string
}

func begin(w io.Writer, terminal bool, now func() time.Time, what, hint string) *task {
	t := &task{w: w, terminal: terminal, now: now, began: now(), what: what, detail: hint}
	every := 5 * time.Second
	if terminal {
		every = time.Second
	}
	t.show()
	t.doing("")
	t.stop = tick(every, t.show)
	return t
}

// doing says what of the task goes on now.
func (t *task) doing(detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detail = detail
}

func (t *task) done(err error) {
	t.stop()
	t.doing("")
	outcome := "done after "
	if err != nil {
		outcome = "failed after "
	}
	t.print(outcome + t.elapsed())
	if t.terminal {
		fmt.Fprintln(t.w)
	}
}

func (t *task) show() { t.print(t.elapsed()) }

func (t *task) elapsed() string { return t.now().Sub(t.began).Round(time.Second).String() }

// width is that of a terminal which shows a line in place: one that is wrapped could not be overwritten.
const width = 100

func (t *task) print(state string) {
	line := t.what + " … " + state
	t.mu.Lock()
	if t.detail != "" {
		line += ", " + t.detail
	}
	t.mu.Unlock()
	if !t.terminal {
		fmt.Fprintln(t.w, line)
		return
	}
	if runes := []rune(line); len(runes) > width {
		line = string(runes[:width-1]) + "…"
	}
	fmt.Fprintf(t.w, "\r%s\x1b[K", line)
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

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
