// SPDX-License-Identifier: Apache-2.0

package fairness

// Counter counts by key up to a limit, and drops the keys that are back at 0. It is not safe for concurrent use.
type Counter[K comparable] struct {
	// Limit is how often a key may be counted.
	Limit int

	counts map[K]int
}

// NewCounter makes a Counter.
func NewCounter[K comparable](limit int) Counter[K] {
	return Counter[K]{Limit: limit, counts: map[K]int{}}
}

// Full reports whether a key is at the limit.
func (c Counter[K]) Full(key K) bool { return c.counts[key] >= c.Limit }

// Add counts a key once more.
func (c Counter[K]) Add(key K) { c.counts[key]++ }

// Remove counts a key once less.
func (c Counter[K]) Remove(key K) {
	if c.counts[key]--; c.counts[key] <= 0 {
		delete(c.counts, key)
	}
}

// Count returns how often a key is counted.
func (c Counter[K]) Count(key K) int { return c.counts[key] }
