// SPDX-License-Identifier: Apache-2.0

package fairness

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// grant is that somebody got a part of a budget after some time.
type grant struct {
	after time.Duration
	who   string
}

// compare puts those of one moment, which are noted in any order, by name.
func (g grant) compare(other grant) int {
	if g.after != other.after {
		return int(g.after - other.after)
	}
	return strings.Compare(g.who, other.who)
}

// All ask in this order for parts of 12 and hold them for ten seconds: "a3" is 3 for namespace a. Each list has who gets one
// in such a round, in the order of time.
func TestOrderOfABudget(t *testing.T) {
	tests := []struct {
		name, arrive string
		want         []string
	}{
		{"no more than there is", "a4 b4 c4 d1", []string{"a4 b4 c4", "d1"}},
		{"less than half for a namespace", "a2 a2 a2 a2", []string{"a2 a2", "a2 a2"}},
		{"half is not less", "a3 a3 b3 b2", []string{"a3 b2 b3", "a3"}},
		{"more than half alone", "a7 a1 b5", []string{"a7 b5", "a1"}},
		{"all of it in turns", "a12 a12 a12 b1 c1 a12", []string{"a12", "b1 c1", "a12", "a12", "a12"}},
		{"as much as there is", "a20 b1", []string{"a20", "b1"}},
		{"large parts of two in turns", "a12 a12 b12 b12 a12", []string{"a12", "b12", "a12", "b12", "a12"}},
		{"no overtaking of a large one", "a5 b12 c1 c1 d1", []string{"a5", "b12", "c1 c1 d1"}},
		{"nor by its own namespace", "a4 a8 a1 b1", []string{"a4 b1", "a8", "a1"}},
		{"who holds nothing first", "d1 a4 b4 c3 a1 e1", []string{"a4 b4 c3 d1", "e1 a1"}},
		{"who holds the least first", "d1 a4 b4 c3 a1 c1", []string{"a4 b4 c3 d1", "c1 a1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBudget(12)
				if diff := cmp.Diff(tt.want, roundsOf(grantsOf(t, b, strings.Fields(tt.arrive)))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				expectWhole(t, b)
			})
		})
	}
}

// grantsOf has all ask, and waits for their end.
func grantsOf(t *testing.T, b *Budget, arrive []string) (grants []grant) {
	t.Helper()
	var mu sync.Mutex
	var work sync.WaitGroup
	began := time.Now()
	for i, who := range arrive {
		amount, err := strconv.ParseInt(who[1:], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			release, err := b.Acquire(t.Context(), who[:1], amount)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			grants = append(grants, grant{time.Since(began), who})
			mu.Unlock()
			time.Sleep(10*time.Second + time.Duration(i)*time.Millisecond)
			release()
		})
		synctest.Wait()
	}
	work.Wait()
	slices.SortFunc(grants, grant.compare)
	return grants
}

// roundsOf lists who got something in the same ten seconds.
func roundsOf(grants []grant) (rounds []string) {
	last := time.Duration(-1)
	for _, g := range grants {
		if round := g.after / (9 * time.Second); round > last {
			rounds, last = append(rounds, g.who), round
			continue
		}
		rounds[len(rounds)-1] += " " + g.who
	}
	return rounds
}

// expectWhole proves that nothing is kept of what was released.
func expectWhole(t *testing.T, b *Budget) {
	t.Helper()
	if b.free != b.size || len(b.shares) > 0 {
		t.Errorf("%d of %d are free, %d namespaces", b.free, b.size, len(b.shares))
	}
}

// TestWhoGivesUpTakesNothing, and is in nobody's way any more.
func TestWhoGivesUpTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(12)
		release, err := b.Acquire(t.Context(), "a", 5)
		if err != nil {
			t.Fatal(err)
		}
		var acquired []string
		var work sync.WaitGroup
		for _, namespace := range []string{"b", "c"} {
			work.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				amount := int64(12)
				if namespace == "c" {
					amount, ctx = 1, t.Context()
				}
				if release, err := b.Acquire(ctx, namespace, amount); err == nil {
					acquired = append(acquired, namespace)
					release()
				}
			})
			synctest.Wait()
		}
		work.Wait()
		if !slices.Equal(acquired, []string{"c"}) {
			t.Errorf("%v acquired", acquired)
		}
		release()
		expectWhole(t, b)
	})
}

// TestNothingIsLost of what becomes free at the moment at which its heir gives up.
func TestNothingIsLost(t *testing.T) {
	b := NewBudget(12)
	var work sync.WaitGroup
	for i := range 2000 {
		work.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%40)*50*time.Microsecond)
			defer cancel()
			if release, err := b.Acquire(ctx, fmt.Sprint(i%5), int64(1+i%12)); err == nil {
				time.Sleep(20 * time.Microsecond)
				release()
				release() // counts once
			}
		})
	}
	work.Wait()
	expectWhole(t, b)
}
