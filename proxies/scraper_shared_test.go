// SPDX-License-Identifier: Apache-2.0

package proxies_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/proxies"
)

// All who scrape at once share a scrape; one whose context ends does not end it for the others.
func TestScrapeTogether(t *testing.T) {
	let := make(chan struct{})
	p := newProxy(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
		text(concurrency)(w, r)
	})
	scraper := p.scraper(func(o *proxies.ScraperOptions) { o.Timeout = 10 * time.Second })
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := scraper.Scrape(first, p.ip, 0)
		left <- err
	}()
	waitFor(t, func() bool { return p.scrapes.Load() == 1 })
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if report, err := scraper.Scrape(t.Context(), p.ip, time.Duration(i%2)*time.Minute); err != nil || report.Workers != 2 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond) // for them to wait
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := scraper.Scrape(short, p.ip, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who has no time: %v", err)
	}
	if n := p.scrapes.Load(); n != 1 {
		t.Errorf("it was scraped %d times at once", n)
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	waitFor(t, func() bool { return p.scrapes.Load() == 2 })
	time.Sleep(50 * time.Millisecond) // for the others to wait again
	close(let)
	all.Wait()
	if n := p.scrapes.Load(); n != 2 {
		t.Errorf("it was scraped %d times", n)
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

// For the race detector.
func TestScrapeConcurrently(t *testing.T) {
	p := newProxy(t, "127.0.0.1:0", text(concurrency))
	scraper := p.scraper()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				if _, err := scraper.Scrape(t.Context(), p.ip, time.Duration(i)*time.Millisecond); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
