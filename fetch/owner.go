package fetch

import (
	"context"
	"sync"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// owner is whom the background work belongs to: it can end all of it and wait.
type owner struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	work    sync.WaitGroup
}

func newOwner() *owner {
	ctx, cancel := context.WithCancel(context.Background())
	return &owner{ctx: ctx, cancel: cancel}
}

// run starts fn in the background, unless everything has been stopped.
func (o *owner) run(fn func()) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "the server is stopping")
	}
	o.work.Go(fn)
	return nil
}

// stop ends the work that runs, lets no more begin, and waits.
func (o *owner) stop() {
	o.mu.Lock()
	o.stopped = true
	o.mu.Unlock()
	o.cancel()
	o.work.Wait()
}

// Start owns the background fetches until ctx ends; then it cancels them and
// returns when the last one is over. After that Ensure answers from memory only
// and is Unavailable otherwise.
func (f *Fetcher) Start(ctx context.Context) error {
	<-ctx.Done()
	f.owner.stop()
	return nil
}

// NeedLeaderElection is false: every replica fetches.
func (f *Fetcher) NeedLeaderElection() bool { return false }
