package main

import (
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/term"
)

// progressInterval is how often a line of progress is rewritten.
const progressInterval = 100 * time.Millisecond

// isTerminal tells whether somebody is watching.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// meter rewrites one line with how many bytes have come, on a terminal only.
type meter struct {
	w     io.Writer
	verb  string
	total int64 // 0 when not known
	next  time.Time
	shown bool
}

func (m *meter) show(complete int64) {
	if now := time.Now(); now.After(m.next) {
		m.next, m.shown = now.Add(progressInterval), true
		fmt.Fprintf(m.w, "\r\033[K%s %s", m.verb, m.amount(complete))
	}
}

func (m *meter) amount(complete int64) string {
	const mib = 1 << 20
	if m.total <= 0 {
		return fmt.Sprintf("%.1f MiB", float64(complete)/mib)
	}
	return fmt.Sprintf("%.1f of %.1f MiB", float64(complete)/mib, float64(m.total)/mib)
}

// clear leaves the line as if it had never been.
func (m *meter) clear() {
	if m.shown {
		fmt.Fprint(m.w, "\r\033[K")
	}
}

// pushProgress shows the updates of a push.
type pushProgress struct {
	updates chan v1.Update
	quit    chan struct{}
	done    chan struct{}
}

// newPushProgress is nil when nobody is watching.
func newPushProgress(w io.Writer) *pushProgress {
	if !isTerminal(w) {
		return nil
	}
	return startPushProgress(w)
}

func startPushProgress(w io.Writer) *pushProgress {
	p := &pushProgress{updates: make(chan v1.Update, 16), quit: make(chan struct{}), done: make(chan struct{})}
	go p.run(&meter{w: w, verb: "Pushing"})
	return p
}

func (p *pushProgress) run(m *meter) {
	defer close(p.done)
	defer m.clear()
	for {
		select {
		case update, open := <-p.updates:
			if !open {
				return
			}
			m.total = update.Total
			m.show(update.Complete)
		case <-p.quit:
			return
		}
	}
}

// stop is called once the push has ended.
func (p *pushProgress) stop() {
	close(p.quit)
	<-p.done
}

// pullProgress counts what is read through it.
type pullProgress struct {
	io.Reader
	meter *meter // nil when nobody is watching
	read  int64
}

func newPullProgress(w io.Writer, r io.Reader) *pullProgress {
	p := &pullProgress{Reader: r}
	if isTerminal(w) {
		p.meter = &meter{w: w, verb: "Pulling"}
	}
	return p
}

func (p *pullProgress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.read += int64(n)
	if p.meter != nil {
		p.meter.show(p.read)
	}
	return n, err
}

func (p *pullProgress) stop() {
	if p.meter != nil {
		p.meter.clear()
	}
}
