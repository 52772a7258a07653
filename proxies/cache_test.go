// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"strconv"
	"testing"
	"time"
)

func number1(context.Context) (int, error) { return 1, nil }

func TestResultsAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCache(func() time.Time { return now }, func(int) int { return 0 })
	for i := range maxResults + 5 {
		if _, err := c.get(t.Context(), strconv.Itoa(i), time.Hour, number1); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.calls.Keys()); n != maxResults {
		t.Errorf("%d are kept", n)
	}
	now = now.Add(keepResults + 1)
	if _, err := c.get(t.Context(), "x", 0, number1); err != nil {
		t.Fatal(err)
	}
	if n := len(c.calls.Keys()); n != 1 {
		t.Errorf("%d are kept when all are old", n)
	}
}

// A panic is its caller's alone: the next one calls again.
func TestACallThatPanics(t *testing.T) {
	c := newCache(nil, func(int) int { return 0 })
	func() {
		defer func() { _ = recover() }()
		_, _ = c.get(t.Context(), "x", time.Hour, func(context.Context) (int, error) { panic("no") })
	}()
	if got, err := c.get(t.Context(), "x", time.Hour, number1); got != 1 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

// Results that are large as well as many do not add up without end.
func TestLargeResultsAreNotKept(t *testing.T) {
	c := newCache(nil, func(int) int { return maxResultBytes / 4 })
	for i := range 100 {
		if _, err := c.get(t.Context(), strconv.Itoa(i), time.Hour, number1); err != nil {
			t.Fatal(err)
		}
		if n := len(c.calls.Keys()); n > 4 {
			t.Fatalf("%d are kept", n)
		}
	}
}
