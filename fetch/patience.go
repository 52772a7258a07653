package fetch

import (
	"sync"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxPatience is the longest time for which a host is obeyed.
	maxPatience = time.Hour
	// maxHosts bounds the hosts that are remembered.
	maxHosts = 1024
)

// patience remembers which hosts asked to be left alone. It counts per host and
// credentials: registries limit accounts, and one tenant's limit is not another's.
type patience struct {
	mu    sync.Mutex
	until map[caller]time.Time
}

type caller struct{ host, credentials string }

func newPatience() *patience { return &patience{until: map[caller]time.Time{}} }

// check returns v1alpha1.ReasonRateLimited while the host is to be left alone.
func (p *patience) check(c caller, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := p.until[c].Sub(now)
	if wait <= 0 {
		delete(p.until, c)
		return nil
	}
	err := failure.Transientf(v1alpha1.ReasonRateLimited, "%s asked to be left alone for another %s", c.host, wait.Round(time.Second))
	err.RetryAfter = wait
	return err
}

// note looks whether an error asks for patience.
func (p *patience) note(c caller, err error, now time.Time) {
	f := failure.Of(err)
	if f == nil || f.Reason != v1alpha1.ReasonRateLimited || f.RetryAfter <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.until) >= maxHosts {
		clear(p.until) // they will say so again
	}
	p.until[c] = now.Add(min(f.RetryAfter, maxPatience))
}
