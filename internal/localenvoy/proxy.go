// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/autowasm/autowasm/internal/sleep"
)

const (
	// loadTimeout is Options.LoadTimeout by default.
	loadTimeout = 2 * time.Minute
	// pollInterval is how often the admin interface is polled while that lasts.
	pollInterval = 10 * time.Millisecond
	// logTimeout is how long what Envoy logged of a version may take until it has been read.
	logTimeout = time.Second
	// endTimeout is how long Envoy and its supervisor may take to end.
	endTimeout = 5 * time.Second
	// lastWords is how many of Envoy's own lines an error about its end quotes.
	lastWords = 3
)

// Options say which Envoy runs, and how.
type Options struct {
	Binary string
	// Supervisor is a command line to which the directory and Envoy's command line are appended; it calls Supervise with
	// them, and writes why Envoy ended to its standard output.
	Supervisor []string
	Port       int    // to listen on; 0 for any
	Upstream   string // IP address and port
	RootID     string
	Env        [][2]string // environment variables of the filter, each a name and a value
	LogLevel   string      // the lowest of the filter's lines: trace, debug, info, warn, error or critical
	// LoadTimeout is how long Envoy may take to start, or to compile a version, by default 2 minutes.
	LoadTimeout time.Duration
	// Line gets each line of the filter, and of Envoy what may be about it. It is called by one goroutine at a time.
	Line func(Line)
}

// Proxy is an Envoy that runs.
type Proxy struct {
	options Options
	dir     string
	address string
	admin   admin
	version version
	stdin   io.Closer // of the supervisor
	done    chan struct{}
	err     error // why it ended; set once done is closed

	mu    sync.Mutex
	first string   // of Envoy's own lines about what does not work, since the last version
	last  []string // of them, at most lastWords
}

// RefusedError says that Envoy refuses a version of the filter: it goes on with the last one, if there is one.
type RefusedError struct {
	Reason string // Envoy's words
}

// Error has Envoy's words.
func (e *RefusedError) Error() string { return "Envoy refuses the filter: " + e.Reason }

// Start starts Envoy with a first version of the filter, and returns once it accepts connections. The error is a
// *RefusedError if it does so without the filter: the proxy runs nevertheless.
func Start(ctx context.Context, o Options, wasm, config []byte) (*Proxy, error) {
	o.LoadTimeout = cmp.Or(o.LoadTimeout, loadTimeout)
	dir, err := os.MkdirTemp("", "wasmc-envoy-")
	if err != nil {
		return nil, err
	}
	p := &Proxy{options: o, dir: dir, admin: newAdmin(filepath.Join(dir, adminSocket)), done: make(chan struct{})}
	if err := p.begin(wasm, config); err != nil {
		p.remove()
		return nil, err
	}
	err = p.started(ctx)
	if _, refused := errors.AsType[*RefusedError](err); err != nil && !refused {
		p.Close()
		return nil, err
	}
	return p, err
}

// started waits until Envoy accepts connections, and returns what has become of the first version.
func (p *Proxy) started(ctx context.Context) error {
	err := p.wait(ctx, "start Envoy", func(ctx context.Context) (err error) {
		p.address, err = p.admin.address(ctx)
		return err
	})
	if err != nil {
		return err
	}
	now, err := p.counts(ctx, 0)
	if err != nil {
		return err
	}
	return p.outcome(ctx, counts{}, now)
}

// begin writes the files and starts the processes.
func (p *Proxy) begin(wasm, config []byte) error {
	bootstrap, err := p.options.bootstrap(p.dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, bootstrapFile), bootstrap, 0o600); err != nil {
		return err
	}
	if err := p.write(wasm, config); err != nil {
		return err
	}
	return p.start()
}

// outcome is a *RefusedError if Envoy has refused the last version, by the counts before and after it. Envoy has read the code
// of that, and needs its file no more.
func (p *Proxy) outcome(ctx context.Context, before, now counts) error {
	if err := os.Remove(p.version.file); err != nil {
		return err
	}
	if now.refused == before.refused {
		return nil
	}
	return &RefusedError{Reason: p.reason(ctx)}
}

// reason is what Envoy logs of a version that it refuses.
func (p *Proxy) reason(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	for {
		p.mu.Lock()
		first := p.first
		p.mu.Unlock()
		if first != "" || sleep.For(ctx, time.Millisecond) != nil {
			return cmp.Or(first, "it does not log why")
		}
	}
}

// write writes the next version.
func (p *Proxy) write(wasm, config []byte) error {
	next := version{number: p.version.number + 1, vmID: vmIDOf(wasm), config: config}
	next.file = filepath.Join(p.dir, strconv.Itoa(next.number)+".wasm")
	if err := next.write(p.dir, p.options, wasm); err != nil {
		return fmt.Errorf("write the filter for Envoy: %w", err)
	}
	p.version = next
	return nil
}

// wait repeats try until it succeeds.
func (p *Proxy) wait(ctx context.Context, what string, try func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, p.options.LoadTimeout)
	defer cancel()
	for {
		err := try(limited)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.err
		default:
		}
		if sleep.For(limited, pollInterval) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s within %s: %w", what, p.options.LoadTimeout, err)
		}
	}
}

// Load replaces the filter by another version, and returns once Envoy has taken it. The error is a *RefusedError if it has
// refused it.
func (p *Proxy) Load(ctx context.Context, wasm, config []byte) error {
	before, err := p.counts(ctx, 0)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.first = ""
	p.mu.Unlock()
	if err := p.write(wasm, config); err != nil {
		return err
	}
	now, err := p.counts(ctx, before.got+1)
	if err != nil {
		return err
	}
	return p.outcome(ctx, before, now)
}

// counts waits until Envoy has got so many versions, and answers. It answers after it has dealt with all that was written before:
// what it gets after LoadTimeout is not taken for the next version.
func (p *Proxy) counts(ctx context.Context, got int) (now counts, err error) {
	err = p.wait(ctx, "have Envoy load the filter", func(ctx context.Context) (err error) {
		now, err = p.admin.counts(ctx)
		if err == nil && now.got < got {
			err = errors.New("it has not done so")
		}
		return err
	})
	return now, err
}

// Address is where Envoy listens.
func (p *Proxy) Address() string { return p.address }

// Done is closed once Envoy has ended. Err then says why.
func (p *Proxy) Done() <-chan struct{} { return p.done }

// Err says why Envoy ended.
func (p *Proxy) Err() error { return p.err }
