// SPDX-License-Identifier: Apache-2.0

// Package ttlcache makes bounded caches whose entries expire by a clock of the caller's, so that tests can move it.
package ttlcache

import (
	"time"

	"k8s.io/apimachinery/pkg/util/cache"
)

// New makes a cache of at most size entries, of which those that were used last stay. now is its clock.
func New(size int, now func() time.Time) *cache.LRUExpireCache {
	return cache.NewLRUExpireCacheWithClock(size, clock(now))
}

// clock is a function as a cache.Clock.
type clock func() time.Time

// Now implements cache.Clock.
func (c clock) Now() time.Time { return c() }
