package fetch_test

import (
	"context"
	"fmt"
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

func TestOneFlightHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onResolve, f.onOpen = slow(time.Second), slow(time.Second)
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { f.ensure(image(x, always)) })
		}
		callers.Wait()
		f.expect(1, 1)
	})
}

// Each tenant's credentials are proven, the bytes come once.
func TestTenantsShareADownloadButNotAResolution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onOpen = slow(time.Second)
		var callers sync.WaitGroup
		for i := range 10 {
			tenant := fmt.Sprint("tenant-", i)
			callers.Go(func() { f.ensure(image(x, as(tenant, tenant))) })
		}
		callers.Wait()
		f.expect(10, 1)
	})
}

// A download that fails with one tenant's credentials is tried with the other's.
func TestAnothersFailedDownloadIsNotMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onOpen = func(ctx context.Context, r source.Request) error {
			time.Sleep(time.Second)
			if r.Secret == "bad" {
				return failure.Terminalf(v1alpha1.ReasonUnauthorized, "no blobs for you")
			}
			return nil
		}
		var callers sync.WaitGroup
		callers.Go(func() { f.refused(image(x, as("a", "bad")), v1alpha1.ReasonUnauthorized, true) })
		synctest.Wait()
		callers.Go(func() { f.ensure(image(x, as("b", "good"))) })
		callers.Wait()
	})
}

// Whether the resolution or the download is slow: the caller is let go, the work
// goes on without anybody, once however many gave up, and is there for who asks
// later.
func TestWorkGoesOnWithoutItsCallers(t *testing.T) {
	slowly := map[string]func(*fixture){
		"resolution": func(f *fixture) { f.onResolve = slow(time.Minute) },
		"download":   func(f *fixture) { f.onOpen = slow(time.Minute) },
	}
	for name, make := range slowly {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				make(f)
				f.gaveUp(image(x), 3*time.Second)
				f.gaveUp(image(x), 3*time.Second)
				time.Sleep(2 * time.Minute)
				f.expect(1, 1)
				f.ensure(image(x))
				f.expect(1, 1)
			})
		})
	}
}

func TestAFailureIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onResolve = func(ctx context.Context, r source.Request) error {
			time.Sleep(time.Minute)
			return failure.Transientf(v1alpha1.ReasonUnavailable, "503")
		}
		f.gaveUp(image(x), time.Second)
		time.Sleep(2 * time.Minute)
		f.refused(image(x), v1alpha1.ReasonUnavailable, false)
		f.expect(2, 0)
	})
}

func TestASourceThatHangsIsGivenUp(t *testing.T) {
	hangs := map[string]func(*fixture){
		"resolution": func(f *fixture) { f.onResolve = slow(time.Hour) },
		"download":   func(f *fixture) { f.onOpen = slow(time.Hour) },
	}
	for name, hang := range hangs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(o *fetch.Options) { o.FetchTimeout = time.Minute })
				hang(f)
				begun := time.Now()
				err := f.refused(image(x), v1alpha1.ReasonUnavailable, false)
				if took := time.Since(begun); took != time.Minute {
					t.Errorf("took %s: %v", took, err)
				}
			})
		})
	}
}

func TestDownloadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *fetch.Options) { o.MaxConcurrent = 4 })
		f.onOpen = slow(time.Second)
		for i := range 12 {
			repository := fmt.Sprintf("reg%d.example/x", i)
			f.modules[repository] = wasmtest.Module(wasmtest.Salt(repository))
		}
		var callers sync.WaitGroup
		for i := range 12 {
			callers.Go(func() { f.ensure(image(fmt.Sprintf("reg%d.example/x:v1", i), as(fmt.Sprint("tenant-", i), ""))) })
		}
		callers.Wait()
		f.expectMostOpening(4)
	})
}

// A host that hangs must not keep the modules of others from coming.
func TestASlowHostHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onOpen = func(ctx context.Context, r source.Request) error {
			if repository(r) == "reg.example/x" {
				return nil
			}
			return slow(time.Hour)(ctx, r)
		}
		for i := range 20 {
			repository := fmt.Sprintf("tarpit.example/%d", i)
			f.set(repository, wasmtest.Module(wasmtest.Salt(repository)))
			f.gaveUp(image(repository+":v1"), time.Millisecond)
		}
		begun := time.Now()
		f.ensure(image(x))
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %s for the slow host", took)
		}
		f.stop()
	})
}

// stop runs Start to its end, as a server that stops does.
func (f *fixture) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Start(ctx); err != nil {
		f.t.Error(err)
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	f := newFixture(t)
	f.onResolve = func(context.Context, source.Request) error { panic("a hostile manifest") }
	f.refused(image(x), v1alpha1.ReasonUnavailable, false)
	f.onResolve = nil
	f.onOpen = func(context.Context, source.Request) error { panic("a hostile layer") }
	f.refused(image(x), v1alpha1.ReasonUnavailable, false)
	f.onOpen = nil
	f.ensure(image(x))
}

func TestFlightsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onResolve = slow(time.Hour)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 4096 {
			tenant := fmt.Sprint("tenant-", i/1024)
			_, err := f.Ensure(gone, image(fmt.Sprintf("reg.example/%d:v1", i), as(tenant, "")))
			if failure.Of(err).Reason != v1alpha1.ReasonPending {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		err := f.refused(image(x), v1alpha1.ReasonUnavailable, false)
		if want := "too many fetches are under way (4096)"; err.Error() != want {
			t.Errorf("message %q, want %q", err, want)
		}
		f.stop()
	})
}
