// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/internal/sleep"
)

// knowing is istiod: it answers after some time.
type knowing struct {
	took time.Duration

	mu    sync.Mutex
	known map[string]string
	err   error
	calls int
}

func (k *knowing) Versions(ctx context.Context) (map[string]string, error) {
	k.mu.Lock()
	k.calls++
	k.mu.Unlock()
	if err := sleep.For(ctx, k.took); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known, k.err
}

// answer changes what it answers from now on.
func (k *knowing) answer(known map[string]string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known, k.err = known, err
}

// called returns how often it was.
func (k *knowing) called() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}

// reading runs a test of Versions in a time of its own, and stops what reads istiod.
func reading(t *testing.T, k *knowing, test func(t *testing.T, v *Versions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v, done := NewVersions(k, nil), make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- v.Start(ctx) }()
		synctest.Wait()
		test(t, v)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// require compares what is known within a time, and how long that took.
func (v *Versions) require(t *testing.T, within time.Duration, want map[string]string, took time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	got, untested := v.Known(ctx)
	for name, version := range got {
		if _, is := untested[name]; is == (version == "1.31.0") || len(untested) > len(got) {
			t.Errorf("%s is %s, untested: %t", name, version, is)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || time.Since(began) != took {
		t.Errorf("after %s, want %s, known (-want +got):\n%s", time.Since(began), took, diff)
	}
}

func TestVersionsAreRead(t *testing.T) {
	first, second := map[string]string{"ns/a": "1.28.3"}, map[string]string{"ns/a": "1.31.0"}
	k := &knowing{took: 100 * time.Millisecond, known: first}
	reading(t, k, func(t *testing.T, v *Versions) {
		v.require(t, time.Second, first, 100*time.Millisecond)
		synctest.Wait()
		time.Sleep(time.Second)
		k.answer(second, nil)
		calls := k.called()
		v.require(t, time.Second, first, 0)
		if k.called() != calls {
			t.Errorf("read again after a second")
		}
		time.Sleep(versionsMaxAge)
		v.require(t, time.Second, second, 100*time.Millisecond)
		time.Sleep(time.Hour)
		if k.called() != calls+1 {
			t.Errorf("read %d times, without a use", k.called())
		}
	})
}

// TestVersionsOfASlowIstiod: who does not wait for long has what was known, and the next one has more.
func TestVersionsOfASlowIstiod(t *testing.T) {
	known := map[string]string{"ns/a": "1.28.3"}
	reading(t, &knowing{took: 4 * time.Second, known: known}, func(t *testing.T, v *Versions) {
		v.require(t, time.Second, nil, time.Second)
		v.require(t, time.Second, nil, time.Second)
		v.require(t, 10*time.Second, known, 2*time.Second)
	})
}

// TestVersionsWithoutIstiod: while it does not answer, one waits for it now and then, and nothing is forgotten.
func TestVersionsWithoutIstiod(t *testing.T) {
	known := map[string]string{"ns/a": "1.28.3"}
	k := &knowing{took: 5 * time.Second, known: known}
	reading(t, k, func(t *testing.T, v *Versions) {
		v.require(t, 10*time.Second, known, 5*time.Second)
		time.Sleep(time.Minute)
		k.answer(nil, errors.New("away"))
		v.require(t, time.Second, known, time.Second)
		time.Sleep(5 * time.Second)
		calls := k.called()
		for range 5 {
			v.require(t, time.Second, known, 0)
			time.Sleep(time.Second)
		}
		if k.called() != calls {
			t.Errorf("called %d times within %s", k.called()-calls, versionsRetry)
		}
		time.Sleep(versionsRetry)
		other := map[string]string{"ns/b": "1.30.0"}
		k.answer(other, errors.New("away")) // one replica answers
		v.require(t, 10*time.Second, other, 5*time.Second)
	})
}
