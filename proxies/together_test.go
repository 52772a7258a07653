package proxies_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autowasm/autowasm/proxies"
)

// All who ask at once share a question; who leaves takes nobody along.
func TestAskTogether(t *testing.T) {
	let := make(chan struct{})
	p := newProxy(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
		text(concurrency)(w, r)
	})
	asker := p.asker(func(o *proxies.Options) { o.Timeout = 10 * time.Second })
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := asker.Ask(first, p.ip, 0)
		left <- err
	}()
	waitFor(t, func() bool { return p.asked.Load() == 1 })
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if report, err := asker.Ask(t.Context(), p.ip, time.Duration(i%2)*time.Minute); err != nil || report.Workers != 2 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond) // for them to wait
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := asker.Ask(impatient, p.ip, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who has no time: %v", err)
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times at once", n)
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	waitFor(t, func() bool { return p.asked.Load() == 2 })
	time.Sleep(50 * time.Millisecond) // for the others to wait again
	close(let)
	all.Wait()
	if n := p.asked.Load(); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for range 500 {
		if condition() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not come")
}

// Not all are asked at once, and who waits for a turn may leave.
func TestAskInTurn(t *testing.T) {
	let := make(chan struct{})
	var under, most atomic.Int32
	p := newProxy(t, "[::]:0", func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), under.Add(1)))
		<-let
		under.Add(-1)
	})
	asker := p.asker(func(o *proxies.Options) { o.MaxConcurrent, o.Timeout = 1, 10*time.Second })
	var all sync.WaitGroup
	ask := func(ip string) {
		if _, err := asker.Ask(t.Context(), ip, 0); err != nil {
			t.Error(err)
		}
	}
	all.Go(func() { ask("127.0.0.1") })
	waitFor(t, func() bool { return under.Load() == 1 })
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := asker.Ask(impatient, "::1", 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who has no time: %v", err)
	}
	all.Go(func() { ask("::1") })
	time.Sleep(50 * time.Millisecond) // for it to come too early
	close(let)
	all.Wait()
	if most.Load() != 1 || p.asked.Load() != 2 {
		t.Errorf("%d were asked, %d at once", p.asked.Load(), most.Load())
	}
}

// For the race detector.
func TestAskConcurrently(t *testing.T) {
	p := newProxy(t, "127.0.0.1:0", text(concurrency))
	asker := p.asker()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				if _, err := asker.Ask(t.Context(), p.ip, time.Duration(i)*time.Millisecond); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
