// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"time"
	"unique"

	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/ttlcache"
)

const (
	// maxResolutions, maxRateLimits and maxFailures bound what is remembered of each.
	maxResolutions = 16384
	maxRateLimits  = 1024
	maxFailures    = 4096
	// maxRetryAfter is the longest time for which a host's Retry-After is obeyed.
	maxRetryAfter = time.Hour
	// terminalTTL and transientTTL are how long it is remembered that a fill failed.
	terminalTTL  = 5 * time.Second
	transientTTL = time.Second
)

// memory is what is remembered of finished work, each for a time of its own.
type memory struct {
	now         func() time.Time
	resolutions *cache.LRUExpireCache // identity -> Module, successes alone
	rateLimits  *cache.LRUExpireCache // account -> time.Time until which it is rate limited
	failures    *cache.LRUExpireCache // sha256 -> error of its last fill
}

func newMemory(now func() time.Time) *memory {
	return &memory{
		now:         now,
		resolutions: ttlcache.New(maxResolutions, now),
		rateLimits:  ttlcache.New(maxRateLimits, now),
		failures:    ttlcache.New(maxFailures, now),
	}
}

// resolution returns what an identity was resolved to, if it may be answered from memory. It allocates nothing.
func (m *memory) resolution(id identity) (Module, bool) {
	if !id.memorable {
		return Module{}, false
	}
	known, ok := m.resolutions.Get(unique.Make(id)) // an identity itself would be allocated as a key
	if !ok {
		return Module{}, false
	}
	return known.(Module), true
}

func (m *memory) addResolution(id identity, resolved Module, ttl time.Duration) {
	if id.memorable {
		m.resolutions.Add(unique.Make(id), resolved, ttl)
	}
}

// account is whom a host rate limits: registries limit users, and the limit of one tenant is not another's.
type account struct{ host, credentials string }

// rateLimited returns v1alpha1.ReasonRateLimited for as long as the host asked for.
func (m *memory) rateLimited(a account) error {
	until, ok := m.rateLimits.Get(a)
	if !ok {
		return nil
	}
	wait := until.(time.Time).Sub(m.now())
	if wait <= 0 {
		return nil
	}
	err := failure.Transientf(v1alpha1.ReasonRateLimited, "%s rate limits requests for another %s", a.host, wait.Round(time.Second))
	err.RetryAfter = wait
	return err
}

// addRateLimit remembers the Retry-After of a failed attempt, if it has one.
func (m *memory) addRateLimit(a account, err error) {
	f := failure.Of(err)
	if f == nil || f.Reason != v1alpha1.ReasonRateLimited || f.RetryAfter <= 0 {
		return
	}
	wait := min(f.RetryAfter, maxRetryAfter)
	m.rateLimits.Add(a, m.now().Add(wait), wait)
}

// failure returns how the last fill of a module failed, nil if it was not just now.
func (m *memory) failure(sha256 string) error {
	known, ok := m.failures.Get(sha256)
	if !ok {
		return nil
	}
	return known.(error)
}

func (m *memory) addFailure(sha256 string, err error) {
	ttl := transientTTL
	if failure.Of(err).Terminal {
		ttl = terminalTTL
	}
	m.failures.Add(sha256, err, ttl)
}
