// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/fetch/store"
)

const (
	// DefaultEvictInterval is the default of Evictor.Interval.
	DefaultEvictInterval = 10 * time.Minute
	// minEvictInterval is the least time between two evictions, unless Interval is shorter: a full store in which
	// there is nothing to evict asks for one all the time.
	minEvictInterval = 10 * time.Second
)

// Evictor removes from a store what nothing references. It is a manager.Runnable of every replica.
type Evictor struct {
	// Store is the store. Required.
	Store *store.Store
	// Reader reads AutoWasms and EnvoyFilters, best the manager's cache. Required.
	Reader client.Reader
	// Interval is how often it evicts, besides when the store is full. 0 means DefaultEvictInterval.
	Interval time.Duration
}

// NeedLeaderElection is false: every replica has a store of its own.
func (e *Evictor) NeedLeaderElection() bool { return false }

// Start evicts from time to time until ctx ends.
func (e *Evictor) Start(ctx context.Context) error {
	interval := cmp.Or(max(e.Interval, 0), DefaultEvictInterval)
	least := min(minEvictInterval, interval)
	for sleep(ctx, least, nil) && sleep(ctx, jittered(interval)-least, e.Store.Pressure()) {
		e.evict(ctx)
	}
	return nil
}

// jittered is d, give or take a tenth, so that replicas do not act in step.
func jittered(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// sleep waits for the time or for the signal, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration, signal <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-signal:
	}
	return true
}

// evict evicts nothing while it is not known what is referenced.
func (e *Evictor) evict(ctx context.Context) {
	logger := log.FromContext(ctx).WithName("evictor")
	referenced, err := References(ctx, e.Reader)
	if err != nil {
		logger.Error(err, "Cannot list the referenced modules, evicting none")
		return
	}
	removed, err := e.Store.Evict(referenced.Has)
	if err != nil {
		logger.Error(err, "Cannot evict some modules")
	}
	for _, sha256 := range removed {
		logger.Info("Evicted a module that nothing references", "sha256", sha256)
	}
}
