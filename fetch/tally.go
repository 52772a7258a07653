package fetch

// tally counts by key up to a limit, and forgets what has come to nothing. It is
// not safe for concurrent use.
type tally[K comparable] struct {
	limit  int
	counts map[K]int
}

func newTally[K comparable](limit int) tally[K] { return tally[K]{limit: limit, counts: map[K]int{}} }

func (t tally[K]) of(key K) int { return t.counts[key] }

func (t tally[K]) full(key K) bool { return t.counts[key] >= t.limit }

func (t tally[K]) add(key K) { t.counts[key]++ }

func (t tally[K]) remove(key K) {
	if t.counts[key]--; t.counts[key] <= 0 {
		delete(t.counts, key)
	}
}
