// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// dripping never ends for one tenant's requests to hosts of its own.
func dripping(ctx context.Context, r source.Request) error {
	if r.Namespace == "greedy" && strings.HasPrefix(repository(r), "evil") {
		return slow(time.Hour)(ctx, r)
	}
	return nil
}

// crowded has one tenant ask for many modules that never come, on as many hosts,
// and then for one that others want too.
func crowded(t *testing.T, drip func(*fixture)) *fixture {
	f := newFixture(t)
	drip(f)
	greedy := as("greedy", "")
	for i := range 100 {
		repository := fmt.Sprintf("evil%d.example/x", i)
		f.set(repository, wasmtest.Module(wasmtest.Salt(repository)))
		f.gaveUp(image(repository+":v1", greedy), time.Millisecond)
	}
	f.gaveUp(image(x, greedy), time.Millisecond)
	return f
}

// However much one namespace asks for, wherever it is: the others' modules come at
// once, also those that it waits for itself.
func TestATenantDelaysNoOther(t *testing.T) {
	drips := map[string]func(*fixture){
		"resolutions": func(f *fixture) { f.onResolve = dripping },
		"downloads":   func(f *fixture) { f.onOpen = dripping },
	}
	for name, drip := range drips {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := crowded(t, drip)
				defer f.Stop()
				f.set("calm.example/y", wasmtest.Module(wasmtest.Salt("y")))
				begun := time.Now()
				f.ensure(image(x, as("modest", "")))
				f.ensure(image("calm.example/y:v1", as("modest", "")))
				if took := time.Since(begun); took != 0 {
					t.Errorf("waited %s for another tenant", took)
				}
			})
		})
	}
}

// busy has strangers take all places for downloads, each on a host of its own, for
// a second, two, and so on.
func busy(t *testing.T, places int) *fixture {
	f := newFixture(t, func(o *fetch.Options) { o.MaxConcurrent = places })
	f.onOpen = func(ctx context.Context, r source.Request) error {
		takes := 10 * time.Second
		_, _ = fmt.Sscanf(repository(r), "busy%d", &takes)
		return slow(takes)(ctx, r)
	}
	for i := range places {
		repository := fmt.Sprintf("busy%d.example/x", time.Duration(1+i)*time.Second)
		f.set(repository, wasmtest.Module(wasmtest.Salt(repository)))
		f.gaveUp(image(repository+":v1", as(fmt.Sprint("stranger-", i), "")), time.Nanosecond)
	}
	return f
}

// Whoever has waited for a place finds the download of another under way, or over:
// it comes once, and who joins it keeps no place.
func TestTenantsThatWaitShareADownload(t *testing.T) {
	for _, places := range []int{1, 4} {
		t.Run(fmt.Sprint(places), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := busy(t, places)
				var callers sync.WaitGroup
				for i := range 10 {
					callers.Go(func() { f.ensure(image(x, as(fmt.Sprint("tenant-", i), ""))) })
				}
				callers.Wait()
				f.expect(places+10, places+1)

				f.count(func() { f.mostOpening = 0 })
				for i := range 2 * places {
					repository := fmt.Sprintf("reg%d.example/x", i)
					f.set(repository, wasmtest.Module(wasmtest.Salt(repository)))
					callers.Go(func() { f.ensure(image(repository+":v1", as(fmt.Sprint("later-", i), ""))) })
				}
				callers.Wait()
				f.expectMostOpening(places)
			})
		})
	}
}

// One tenant with one registry is not held back more than need be.
func TestATenantAloneDownloadsSeveralAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onOpen = slow(time.Second)
		for i := range 12 {
			repository := fmt.Sprint("reg.example/", i)
			f.set(repository, wasmtest.Module(wasmtest.Salt(repository)))
			f.gaveUp(image(repository+":v1"), time.Nanosecond)
		}
		time.Sleep(time.Minute)
		f.expectMostOpening(3)
	})
}

func TestTasksOfATenantAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		defer f.Stop()
		f.onResolve = func(ctx context.Context, r source.Request) error {
			if r.Namespace == "greedy" && repository(r) != "reg.example/x" {
				return slow(time.Minute)(ctx, r)
			}
			return nil
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 1024 {
			_, err := f.Ensure(gone, image(fmt.Sprintf("reg.example/%d:v1", i), as("greedy", "")))
			if failure.Of(err).Reason != v1alpha1.ReasonPending {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		err := f.refused(image(x, as("greedy", "")), v1alpha1.ReasonUnavailable, false)
		if want := "too many fetches for namespace greedy are under way (1024)"; err.Error() != want {
			t.Errorf("message %q, want %q", err, want)
		}
		f.ensure(image(x, as("modest", "")))

		time.Sleep(time.Hour)
		f.ensure(image("reg.example/x:v1", as("greedy", "")))
	})
}
