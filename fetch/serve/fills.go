package serve

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxFills is how many modules are brought at once.
	maxFills = 16
	// refusalTTL is how long it is remembered that a module cannot be had.
	refusalTTL = 5 * time.Second
	// retryTTL is how long it is remembered that a module could not be had yet.
	retryTTL = time.Second
	// maxRefusals bounds what is remembered.
	maxRefusals = 4096
)

// fills are the fills under way, one per module, and those that just failed. They
// belong to the server: a client that leaves ends nothing.
type fills struct {
	filler  Filler
	timeout time.Duration
	observe func(err error)
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	running map[string]*fill
	refused map[string]refusal
}

type fill struct {
	done chan struct{} // closed when err is set
	err  error
}

type refusal struct {
	err   error
	until time.Time
}

func newFills(filler Filler, timeout time.Duration, observe func(error)) *fills {
	ctx, cancel := context.WithCancel(context.Background())
	return &fills{
		filler: filler, timeout: timeout, observe: observe, ctx: ctx, cancel: cancel,
		running: map[string]*fill{}, refused: map[string]refusal{},
	}
}

// fill has one module brought and waits for it, for as long as ctx lasts.
func (f *fills) fill(ctx context.Context, sha256 string) error {
	current, err := f.join(sha256)
	if err != nil {
		return err
	}
	select {
	case <-current.done:
		return current.err
	case <-ctx.Done():
		return failure.Transientf(v1alpha1.ReasonPending, "module %s is being brought: %w", sha256, ctx.Err())
	}
}

func (f *fills) join(sha256 string) (*fill, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.refused[sha256]; ok && time.Now().Before(r.until) {
		return nil, r.err
	}
	if current := f.running[sha256]; current != nil {
		return current, nil
	}
	if f.stopped || len(f.running) >= maxFills {
		return nil, failure.Transientf(v1alpha1.ReasonUnavailable, "too busy to bring module %s", sha256)
	}
	current := &fill{done: make(chan struct{})}
	f.running[sha256] = current
	f.work.Go(func() { f.run(sha256, current) })
	return current, nil
}

func (f *fills) run(sha256 string, current *fill) {
	ctx, cancel := context.WithTimeout(f.ctx, f.timeout)
	defer cancel()
	current.err = f.bring(ctx, sha256)
	f.observe(current.err)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, sha256)
	delete(f.refused, sha256)
	if current.err != nil {
		f.refuse(sha256, current.err)
	}
	close(current.done)
}

// bring calls the filler; a panic over what a source sent must not end the server.
func (f *fills) bring(ctx context.Context, sha256 string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bring module %s: panic: %v", sha256, p)
		}
	}()
	return f.filler.Fill(ctx, sha256)
}

// refuse remembers a failure. The caller holds f.mu.
func (f *fills) refuse(sha256 string, err error) {
	if len(f.refused) >= maxRefusals {
		clear(f.refused) // cheaper than order, and only a flood gets here
	}
	ttl := retryTTL
	if failure.Of(err).Terminal {
		ttl = refusalTTL
	}
	f.refused[sha256] = refusal{err: err, until: time.Now().Add(ttl)}
}

// stop ends the fills under way, lets no more begin, and waits.
func (f *fills) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.cancel()
	f.work.Wait()
}
