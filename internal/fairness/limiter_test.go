// SPDX-License-Identifier: Apache-2.0

package fairness

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// crowd notes who gets a place of a limiter, in which order.
type crowd struct {
	limiter *Limiter
	work    sync.WaitGroup

	mu       sync.Mutex
	acquired []string
	held     int
	most     int
}

// acquire has a request wait for its place and hold it for a time; namespaces are
// letters, hosts are digits: "a1". It returns when it has the place or waits.
func (c *crowd) acquire(t *testing.T, who string, hold time.Duration) {
	t.Helper()
	c.work.Go(func() {
		release, err := c.limiter.Acquire(t.Context(), who[:1], who[1:])
		if err != nil {
			t.Error(err)
			return
		}
		c.note(who, 1)
		time.Sleep(hold)
		c.note("", -1)
		release()
	})
	synctest.Wait()
}

func (c *crowd) note(who string, held int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held += held
	c.most = max(c.most, c.held)
	if who != "" {
		c.acquired = append(c.acquired, who)
	}
}

func (c *crowd) order() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.acquired, " ")
}

// All arrive in this order; who gets a place at once, and who when the first ten
// seconds are over and places become free one after the other.
func TestOrderOfALimiter(t *testing.T) {
	tests := []struct {
		name      string
		size      int
		arrive    string
		atOnce    string
		inTheEnd  string
		mostAtOne int
	}{
		{"no more than the size", 4, "a1 b2 c3 d4 e5 f6", "a1 b2 c3 d4", "a1 b2 c3 d4 e5 f6", 4},
		{"half for a namespace", 8, "a1 a2 a3 a4 a5 b6", "a1 a2 a3 a4 b6", "a1 a2 a3 a4 b6 a5", 5},
		{"half for a host", 8, "a1 b1 c1 d1 e1 f2", "a1 b1 c1 d1 f2", "a1 b1 c1 d1 f2 e1", 5},
		{"one less of a host for a namespace", 8, "a1 a1 a1 a1 a2 b1", "a1 a1 a1 a2 b1", "a1 a1 a1 a2 b1 a1", 5},
		{"the namespace with the fewest first", 4, "a1 a2 b3 b4 a5 a6 b7 c8", "a1 a2 b3 b4", "a1 a2 b3 b4 c8 a5 a6 b7", 4},
		{"who came first among equals", 4, "a1 b2 c3 d4 g5 f6 e7", "a1 b2 c3 d4", "a1 b2 c3 d4 g5 f6 e7", 4},
		{"one place", 1, "a1 a1 b1 a2", "a1", "a1 a1 b1 a2", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{limiter: NewLimiter(tt.size)}
				for i, who := range strings.Fields(tt.arrive) {
					c.acquire(t, who, 10*time.Second+time.Duration(i)*time.Millisecond)
				}
				if diff := cmp.Diff(tt.atOnce, c.order()); diff != "" {
					t.Errorf("at once (-want +got):\n%s", diff)
				}
				c.work.Wait()
				if diff := cmp.Diff(tt.inTheEnd, c.order()); diff != "" {
					t.Errorf("in the end (-want +got):\n%s", diff)
				}
				if c.most != tt.mostAtOne {
					t.Errorf("%d at once, want %d", c.most, tt.mostAtOne)
				}
				expectEmpty(t, c.limiter)
			})
		})
	}
}

// expectEmpty proves that nothing is kept of places that were released.
func expectEmpty(t *testing.T, l *Limiter) {
	t.Helper()
	got := fmt.Sprint(l.held, len(l.waiting), len(l.hosts.counts), len(l.namespaces.counts), len(l.pairs.counts))
	if want := "0 0 0 0 0"; got != want {
		t.Errorf("the limiter still counts %s", got)
	}
}

func TestWhoGivesUpTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{limiter: NewLimiter(1)}
		c.acquire(t, "a1", time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.limiter.Acquire(ctx, "b", "2"); err == nil {
			t.Fatal("two have a place")
		}
		c.acquire(t, "c3", time.Second)
		c.work.Wait()
		if diff := cmp.Diff("a1 c3", c.order()); diff != "" {
			t.Error(diff)
		}
		expectEmpty(t, c.limiter)
	})
}

// A place that becomes free at the moment at which its heir gives up is not lost.
func TestNoPlaceIsLost(t *testing.T) {
	l := NewLimiter(4)
	var work sync.WaitGroup
	for i := range 2000 {
		work.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%40)*50*time.Microsecond)
			defer cancel()
			if release, err := l.Acquire(ctx, fmt.Sprint(i%5), fmt.Sprint(i%7)); err == nil {
				time.Sleep(20 * time.Microsecond)
				release()
				release() // counts once
			}
		})
	}
	work.Wait()
	expectEmpty(t, l)
}
