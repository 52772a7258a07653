// SPDX-License-Identifier: Apache-2.0

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
	"github.com/prometheus/client_golang/prometheus"
)

func TestOneTaskHoweverManyAsk(t *testing.T) {
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

// With the same credentials it would fail again.
func TestAFailedDownloadWithMyCredentialsIsMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onOpen = func(context.Context, source.Request) error {
			time.Sleep(time.Second)
			return failure.Terminalf(v1alpha1.ReasonUnauthorized, "no blobs")
		}
		var callers sync.WaitGroup
		for i := range 10 {
			callers.Go(func() { f.refused(image(x, as(fmt.Sprint("tenant-", i), "")), v1alpha1.ReasonUnauthorized, true) })
			synctest.Wait()
		}
		callers.Wait()
		f.expect(10, 1)
	})
}

// Whether the resolution or the download is slow: the caller is let go, the work
// goes on by itself, once however many gave up, and is there for who asks
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
func TestASlowHostDelaysNoOther(t *testing.T) {
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
		f.Stop()
	})
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

func TestTasksAreBounded(t *testing.T) {
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
		f.Stop()
	})
}

func TestStopEndsAndAwaitsAllTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails when a goroutine remains
		f := newFixture(t, referencing(autowasm("a", hashOf(moduleY), digestY, registrySource("reg.example/y:v1"))))
		f.ensure(image(x))
		f.set("reg.example/y", moduleY)
		f.onResolve = slow(time.Hour)
		f.gaveUp(image("reg.example/y:v1"), time.Millisecond)
		f.fillGaveUp(hashOf(moduleY), time.Millisecond)

		ended := make(chan struct{})
		task := f.Begin(t.Context(), image("reg.example/y:v1"))
		task.AfterDone(func() { close(ended) })
		f.Stop()
		<-task.Done()
		<-ended
		if _, err := task.Result(); failure.Of(err).Reason != v1alpha1.ReasonUnavailable {
			t.Errorf("a task under way ended with %v", err)
		}
		for range 20 {
			f.refused(image("reg.example/y:v1"), v1alpha1.ReasonUnavailable, false)
			f.notFilled(hashOf([]byte("z")), v1alpha1.ReasonUnavailable, false)
		}
		f.expect(3, 1)     // nothing began after the stop
		f.ensure(image(x)) // from memory
		if err := f.Fill(t.Context(), hashOf(moduleX)); err != nil {
			t.Errorf("Fill of what is there: %v", err)
		}
	})
}

// Who does not wait is called when the work is done, and learns how it ended.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.onResolve = slow(time.Minute)
		begun := time.Now()
		task := f.Begin(t.Context(), image(x))
		ends := make(chan time.Duration, 3)
		for range 2 {
			task.AfterDone(func() { ends <- time.Since(begun) })
		}
		if again := f.Begin(t.Context(), image(x)); again != task {
			t.Error("the same request is another task")
		}
		<-task.Done()
		synctest.Wait()
		task.AfterDone(func() { ends <- time.Since(begun) })
		for range 3 {
			if ended := <-ends; ended != time.Minute {
				t.Errorf("called after %s", ended)
			}
		}
		if m, err := task.Result(); err != nil || m.SHA256 != hashOf(moduleX) {
			t.Errorf("Result = %+v, %v", m, err)
		}
		f.expect(1, 1)
	})
}

// What is known at once is a task that has ended.
func TestBeginOfWhatIsKnown(t *testing.T) {
	f := newFixture(t)
	want := f.ensure(image(x))
	known := f.Begin(t.Context(), image(x))
	<-known.Done()
	if got, err := known.Result(); err != nil || got != want {
		t.Errorf("Result = %+v, %v", got, err)
	}
	missing := f.Begin(t.Context(), image(x, as("ns", "missing")))
	<-missing.Done()
	if _, err := missing.Result(); failure.Of(err).Reason != v1alpha1.ReasonSecretNotFound {
		t.Errorf("Result = %v", err)
	}
}

func TestMetrics(t *testing.T) {
	f := newFixture(t, referencing(), peers(sibling(t, moduleY)))
	registry := prometheus.NewRegistry()
	if err := f.Register(registry); err != nil {
		t.Fatal(err)
	}
	f.ensure(image(x))
	f.refused(image("reg.example/none:v1"), v1alpha1.ReasonNotFound, true)
	for range 2 { // of which one is remembered
		f.notFilled(hashOf(nil), v1alpha1.ReasonNotFound, true)
	}
	f.fill(hashOf(moduleY))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += "/" + label.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	want := map[string]float64{
		"wasmer_fetch_duration_seconds/Success":  1,
		"wasmer_fetch_duration_seconds/NotFound": 1,
		"wasmer_fetches_in_flight":               0,
		"wasmer_module_downloads_total/Success":  1,
		"wasmer_module_fills_total/NotFound":     2,
		"wasmer_module_fills_total/Success":      1,
		"wasmer_store_modules":                   2,
		"wasmer_store_bytes":                     4 * 4096, // blocks: two modules, two records
	}
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s = %v (there: %v), want %v", name, v, ok, value)
		}
	}
	if err := f.Register(registry); err == nil {
		t.Error("the same metrics were registered twice")
	}
}
