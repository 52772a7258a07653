// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"time"
)

// trapWindow is how long a trap counts: a filter that has not trapped for this long is well.
const trapWindow = 10 * time.Minute

// traps is what is known of the requests on which a filter trapped in one proxy. Envoy counts how often it has started a
// filter again; with another failure policy than FailReload it does not, and counts nothing.
type traps struct {
	// counted is how many there were at the last scrape that answered; known is false before the first.
	counted int64
	known   bool
	// last is when there were more than before, former when that was so before last. Zero is never.
	last, former time.Time
}

// observed is what is known after a scrape that counted n traps. Those before the first scrape count where the filter is
// new: then they are not older than it is.
func (t traps) observed(n int64, isNew bool, now time.Time) traps {
	if n > t.counted && (t.known || isNew) {
		t.former, t.last = t.last, now
	}
	t.counted, t.known = n, true
	return t
}

// recent reports whether the filter has trapped within the window.
func (t traps) recent(now time.Time) bool { return within(t.last, now) }

// goOn reports whether it has done so at two scrapes, and so more than once.
func (t traps) goOn(now time.Time) bool { return within(t.last, now) && within(t.former, now) }

func within(at, now time.Time) bool { return !at.IsZero() && now.Sub(at) < trapWindow }

// why says of a proxy that it has trapped.
func (t traps) why() string { return fmt.Sprintf("has trapped %s within ten minutes", t) }

// String says how often, in steps: a status that counted each one would be written for ever.
func (t traps) String() string {
	for step := int64(1_000_000); step > 1; step /= 10 {
		if t.counted >= step {
			return fmt.Sprintf("at least %d times", step)
		}
	}
	if t.counted > 1 {
		return "more than once"
	}
	return "once"
}
