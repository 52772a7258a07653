// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/internal/istio"
)

const (
	// versionsMaxAge is how old what Versions returns without a wait may be.
	versionsMaxAge = 10 * time.Second
	// versionsRetry is how long after a failed read of istiod no one waits for another.
	versionsRetry = 10 * time.Second
)

// VersionSource knows the versions of proxies. An *Istiod is one.
type VersionSource interface {
	// Versions returns each known proxy, as "<namespace>/<pod>", with its version of Istio, "" when it says none.
	Versions(ctx context.Context) (map[string]string, error)
}

// Versions keeps which version of Istio each proxy is of, as istiod knows it. It reads istiod when it is used, in a
// goroutine of its own: those who use it wait no longer than they want to, however many proxies there are, and not at
// all while istiod is away. It is for every replica, and may be used concurrently.
type Versions struct {
	source VersionSource
	now    func() time.Time
	wanted chan struct{} // a read is wanted

	mu       sync.Mutex
	known    map[string]string
	untested map[string]string // those of known that are outside of the tested range
	readAt   time.Time         // when known was read
	retryAt  time.Time         // before then no one waits for a read, since the last one failed
	next     chan struct{}     // closed at the end of the next read
}

// NewVersions makes a Versions that has read nothing yet. now is the clock; nil means time.Now.
func NewVersions(source VersionSource, now func() time.Time) *Versions {
	if now == nil {
		now = time.Now
	}
	return &Versions{source: source, now: now, wanted: make(chan struct{}, 1), next: make(chan struct{})}
}

// NeedLeaderElection is false: every replica admits.
func (v *Versions) NeedLeaderElection() bool { return false }

// Start reads istiod whenever that is wanted, until ctx ends.
func (v *Versions) Start(ctx context.Context) error {
	for {
		v.read(ctx)
		select {
		case <-v.wanted:
		case <-ctx.Done():
			return nil
		}
	}
}

// read keeps what was known where nothing is read. What some replicas of istiod answered counts.
func (v *Versions) read(ctx context.Context) {
	known, err := v.source.Versions(ctx)
	if err != nil && ctx.Err() == nil {
		ctrl.LoggerFrom(ctx).V(1).Info("istiod does not report the versions of all proxies", "err", err.Error())
	}
	untested := untestedOf(known)
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if err == nil || len(known) > 0 {
		v.known, v.untested, v.readAt = known, untested, now
	}
	if v.retryAt = (time.Time{}); err != nil {
		v.retryAt = now.Add(versionsRetry)
	}
	close(v.next)
	v.next = make(chan struct{})
}

// untestedOf are the proxies that are known to be outside of the tested range.
func untestedOf(known map[string]string) map[string]string {
	untested := map[string]string{}
	for name, version := range known {
		if istio.IsUntested(version) {
			untested[name] = version
		}
	}
	return untested
}

// Known returns the version of each proxy that istiod knows, as "<namespace>/<pod>", "" when it says none, and those of
// them that are outside of the tested range. One that is missing is not known. It waits for a read while what is known is
// old, until ctx ends, and then returns that. The maps are shared: do not change them.
func (v *Versions) Known(ctx context.Context) (all, untested map[string]string) {
	if next := v.awaited(); next != nil {
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.known, v.untested
}

// awaited has istiod read if what is known is old, and returns what is closed then; nil where no one should wait.
func (v *Versions) awaited() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if !v.readAt.IsZero() && now.Sub(v.readAt) < versionsMaxAge || now.Before(v.retryAt) {
		return nil
	}
	select {
	case v.wanted <- struct{}{}:
	default: // it is wanted already
	}
	return v.next
}
