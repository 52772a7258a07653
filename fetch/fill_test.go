// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

var (
	shaX = hashOf(moduleX)
	// ofX references moduleX as an AutoWasm does whose image was resolved to it, and
	// exactlyX is the request for that.
	ofX      = autowasm("a", shaX, digestX, registrySource(x))
	exactlyX = requestOf("a", registrySource(digestX))
)

func TestFillAsksTheSourcesOfWhatReferencesTheModule(t *testing.T) {
	const url = "https://b.example/f"
	configMap := v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "cm", Key: "k"}}
	other := hashOf(nil)
	tests := []struct {
		name    string
		objects []client.Object
		want    source.Request
	}{
		{"an image, by its digest", []client.Object{ofX}, exactlyX},
		{"an object, by its hash", []client.Object{autowasm("a", shaX, url, objectSource(url, ""))}, requestOf("a", objectSource(url, shaX))},
		{"a ConfigMap", []client.Object{autowasm("a", shaX, "configmap/ns/cm/k", configMap)}, requestOf("a", configMap)},
		{"an EnvoyFilter of an earlier generation", []client.Object{autowasm("a", other, "reg.example/x@sha256:new", registrySource(x)), envoyFilter("a", shaX, digestX)}, exactlyX},
		{"an EnvoyFilter of another source", []client.Object{autowasm("a", other, "", objectSource(url, "")), envoyFilter("a", shaX, digestX)}, exactlyX},
		{"both", []client.Object{ofX, envoyFilter("a", shaX, digestX)}, exactlyX},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, referencing(tt.objects...))
			f.set(url, moduleX)
			f.set("configmap/cm", moduleX)
			f.fill(shaX)
			f.expectAsked(tt.want)
		})
	}
}

func TestFillLeavesObjectsOfTheCacheAlone(t *testing.T) {
	aw := autowasm("a", shaX, "https://b.example/f", objectSource("https://b.example/f", ""))
	reader := interceptor.NewClient(cluster(), interceptor.Funcs{List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
		if l, ok := list.(*v1alpha1.AutoWasmList); ok {
			l.Items = []v1alpha1.AutoWasm{*aw}
		}
		return nil
	}})
	f := newFixture(t, reading(reader))
	f.set("https://b.example/f", moduleX)
	f.fill(shaX)
	if aw.Spec.Filter.Source.Object.SHA256 != "" {
		t.Error("the object of the cache was changed")
	}
}

// A full store takes in what is referenced, from a source or a peer, and nothing else.
func TestFillOfAFullStore(t *testing.T) {
	full := func(o *fetch.Options) {
		small, err := store.Open(store.Options{Dir: t.TempDir(), MaxTotalBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		put(t, small, wasmtest.Module(wasmtest.Salt("full")))
		o.Store = small
	}
	f := newFixture(t, full, referencing(ofX), peers(sibling(t, moduleY)))
	f.refused(image(x), v1alpha1.ReasonStoreFailed, false)
	f.notFilled(hashOf(moduleY), v1alpha1.ReasonNotFound, true)
	if err := f.Fill(t.Context(), shaX); err != nil { // from its source
		t.Error(err)
	}
	small := newFixture(t, full, referencing(autowasm("a", hashOf(moduleY), digestY, registrySource(x))), peers(sibling(t, moduleY)))
	if err := small.Fill(t.Context(), hashOf(moduleY)); err != nil { // from the peer
		t.Error(err)
	}
}

// One source that fails does not keep the next from being asked; if all fail, the
// failure that may pass is the answer.
func TestFillTriesAllSources(t *testing.T) {
	objects := []client.Object{ofX, autowasm("b", shaX, digestX, registrySource(x))}
	tests := []struct {
		name     string
		answers  map[string]error
		reason   v1alpha1.Reason
		terminal bool
	}{
		{"the second gives it", map[string]error{"a": failure.Terminalf(v1alpha1.ReasonUnauthorized, "no")}, "", false},
		{"both refuse", map[string]error{"a": failure.Terminalf(v1alpha1.ReasonUnauthorized, "no"), "b": failure.Terminalf(v1alpha1.ReasonNotFound, "no")}, v1alpha1.ReasonUnauthorized, true},
		{"one may come back", map[string]error{"a": failure.Terminalf(v1alpha1.ReasonUnauthorized, "no"), "b": failure.Transientf(v1alpha1.ReasonUnavailable, "503")}, v1alpha1.ReasonUnavailable, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, referencing(objects...))
			f.onResolve = func(_ context.Context, r source.Request) error { return tt.answers[r.Name] }
			if tt.reason == "" {
				f.fill(shaX)
			} else {
				f.notFilled(shaX, tt.reason, tt.terminal)
			}
			f.expectAsked(exactlyX, requestOf("b", registrySource(digestX)))
		})
	}
}

func TestFillTriesABoundedNumberOfSources(t *testing.T) {
	var objects []client.Object
	for i := range 20 {
		objects = append(objects, autowasm(fmt.Sprint("a", i), shaX, digestX, registrySource(x)))
	}
	f := newFixture(t, referencing(objects...))
	f.password = "another"
	f.notFilled(shaX, v1alpha1.ReasonUnauthorized, true)
	f.expect(8, 0)
}

func TestFillTakesNoOtherModule(t *testing.T) {
	f := newFixture(t, referencing(ofX))
	f.set("reg.example/x", wasmtest.Module(wasmtest.Salt("moved")))
	f.notFilled(shaX, v1alpha1.ReasonDigestMismatch, true)
}

func TestFillOfWhatNothingReferences(t *testing.T) {
	foreign := envoyFilter("foreign", shaX, digestX)
	foreign.SetLabels(nil)
	stranger := autowasm("foreign", hashOf(nil), "", registrySource(x))
	f := newFixture(t, referencing(foreign, stranger, envoyFilter("orphan", shaX, digestX)))
	f.notFilled(shaX, v1alpha1.ReasonNotFound, true)
	f.expectAsked()
}

// Proxies with an older configuration may ask for what nothing references any more.
func TestFillOfWhatOnlyAPeerHas(t *testing.T) {
	f := newFixture(t, referencing(), peers(sibling(t, moduleY)))
	f.fill(hashOf(moduleY))
	f.expectAsked()
}

// Who asks for a module before it comes does not keep it from those who ask then.
func TestFillOfWhatComesLater(t *testing.T) {
	c := cluster()
	f := newFixture(t, reading(c))
	f.notFilled(shaX, v1alpha1.ReasonNotFound, true)
	aw := ofX.DeepCopy()
	aw.SetResourceVersion("")
	if err := c.Create(t.Context(), aw); err != nil {
		t.Fatal(err)
	}
	f.fill(shaX)
}

func TestFillAsksPeersFirst(t *testing.T) {
	f := newFixture(t, referencing(ofX), peers(sibling(t), sibling(t, moduleX)))
	f.fill(shaX)
	f.expectAsked()
}

func TestFillWithoutKnowingThePeers(t *testing.T) {
	f := newFixture(t, referencing(ofX), func(o *fetch.Options) {
		o.Peers = func(context.Context) ([]string, error) { return nil, errors.New("not synced") }
	})
	f.fill(shaX)
	f.expectAsked(exactlyX)
}

// Of what a peer answers nothing is believed that does not have the hash.
func TestFillTrustsNoPeer(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"another module": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wasmtest.Module(wasmtest.Salt("evil"))) },
		"an endless one": func(w http.ResponseWriter, r *http.Request) { endless(w, r) },
		"an error":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"half of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(moduleX[:10])
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, referencing(ofX), peers(httpServer(t, answer), "http://127.0.0.1:1"))
			f.fill(shaX)
			f.expectAsked(exactlyX)
			if usage := f.store.Usage(); usage.Modules != 1 {
				t.Errorf("the store holds %+v", usage)
			}
		})
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := make([]byte, 1<<20)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestUnreferencedFillsAreRateLimited(t *testing.T) {
	asked := 0
	url := httpServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusNotFound)
	}))
	f := newFixture(t, referencing(), peers(url))
	var last *failure.Error
	begun := time.Now()
	for i := range 500 {
		last = failure.Of(f.Fill(t.Context(), hashOf([]byte{byte(i), byte(i >> 8)})))
	}
	most := 50 + int(10*time.Since(begun).Seconds()) + 1
	if asked > most || asked < 50 || last.Reason != v1alpha1.ReasonRateLimited {
		t.Errorf("asked %d times, at most %d; last: %v", asked, most, last)
	}
}

func TestFillOfWhatIsThereMakesNoRequest(t *testing.T) {
	f := newFixture(t, referencing(ofX), peers("http://127.0.0.1:1"))
	put(t, f.store, moduleX)
	f.fill(shaX)
	f.expectAsked()
}

func TestFillWithoutACacheMayPass(t *testing.T) {
	newFixture(t, reading(broken())).notFilled(shaX, v1alpha1.ReasonUnavailable, false)
}

func TestOneFillHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, referencing(ofX))
		f.onOpen = slow(time.Second)
		lists := 0
		f.restart(reading(interceptor.NewClient(cluster(ofX), interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, o ...client.ListOption) error {
			f.count(func() { lists++ })
			return c.List(ctx, list, o...)
		}})))
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() { f.fill(shaX) })
		}
		callers.Wait()
		f.expect(1, 1)
		if lists != 2 { // of AutoWasms and of EnvoyFilters
			t.Errorf("%d lists, want those of one fill", lists)
		}
	})
}

// A fill and a request for the same are one download.
func TestFillJoinsADownload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, referencing(ofX))
		f.onOpen = slow(time.Second)
		f.gaveUp(image(x), time.Millisecond)
		f.fill(shaX)
		f.expect(2, 1)
	})
}

func TestAFillGoesOnWithoutItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, referencing(ofX))
		f.onOpen = slow(10 * time.Second)
		f.fillGaveUp(shaX, time.Second)
		f.fill(shaX)
		f.expect(1, 1)
	})
}

// A stranger who asks again and again costs one fill each five seconds.
func TestAFailedFillIsRememberedForAWhile(t *testing.T) {
	tests := map[string]struct {
		err error
		ttl time.Duration
	}{
		"terminal":  {failure.Terminalf(v1alpha1.ReasonUnauthorized, "401"), 5 * time.Second},
		"transient": {failure.Transientf(v1alpha1.ReasonUnavailable, "503"), time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, referencing(ofX))
				f.onResolve = func(context.Context, source.Request) error { return tt.err }
				want := failure.Of(tt.err)
				for range 10 {
					f.notFilled(shaX, want.Reason, want.Terminal)
				}
				f.expect(1, 0)
				time.Sleep(tt.ttl + 1)
				f.notFilled(shaX, want.Reason, want.Terminal)
				f.expect(2, 0)

				f.onResolve = nil // who asks for the source itself is not held to it
				f.ensure(image(x))
				f.fill(shaX)
			})
		})
	}
}

func TestFillsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var objects []client.Object
		var shas []string
		for i := range 100 {
			shas = append(shas, hashOf([]byte(fmt.Sprint(i))))
			objects = append(objects, autowasmIn(fmt.Sprint("ns-", i%5), fmt.Sprint("a", i), shas[i], digestX, registrySource(x)))
		}
		f := newFixture(t, referencing(objects...), func(o *fetch.Options) { o.FillTimeout = 10 * time.Second })
		defer f.Stop()
		f.onResolve = slow(time.Minute)
		var mu sync.Mutex
		var took []time.Duration
		begun := time.Now()
		var callers sync.WaitGroup
		for _, sha := range shas {
			callers.Go(func() {
				if err := failure.Of(f.Fill(t.Context(), sha)); err == nil || err.Terminal {
					t.Errorf("Fill = %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(begun))
			})
		}
		callers.Wait()
		slices.Sort(took)
		if took[67] != 0 || took[68] != 10*time.Second || took[99] != 10*time.Second {
			t.Errorf("the fills took %v", took)
		}
	})
}

// However many modules of a namespace are requested, and however long its sources take, the others' are filled at once,
// also those that it references itself; and its own, as soon as there is room.
func TestANamespaceLeavesRoomForFillsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := []client.Object{
			autowasmIn("modest", "x", shaX, digestX, registrySource(x)), autowasmIn("greedy", "x", shaX, digestX, registrySource(x)),
		}
		var shas []string
		for i := range 100 {
			shas = append(shas, hashOf([]byte(fmt.Sprint(i))))
			objects = append(objects, autowasmIn("greedy", fmt.Sprint("a", i), shas[i], fmt.Sprintf("evil%d.%s", i, digestX), registrySource(fmt.Sprintf("evil%d.%s", i, x))))
		}
		f := newFixture(t, referencing(objects...), func(o *fetch.Options) { o.FillTimeout = 10 * time.Second })
		defer f.Stop()
		f.onResolve = dripping
		begun := time.Now()
		var reasons sync.Map
		var callers sync.WaitGroup
		for _, sha := range shas {
			callers.Go(func() { reasons.Store(sha, failure.Of(f.Fill(t.Context(), sha)).Reason) })
			synctest.Wait()
		}
		f.fill(shaX)
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %s for another namespace", took)
		}
		callers.Wait()
		counts := map[v1alpha1.Reason]int{}
		reasons.Range(func(_, reason any) bool { counts[reason.(v1alpha1.Reason)]++; return true })
		if diff := cmp.Diff(map[v1alpha1.Reason]int{v1alpha1.ReasonRateLimited: 84, v1alpha1.ReasonPending: 16}, counts); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		f.onResolve = nil
		again := slices.IndexFunc(shas, func(sha string) bool { reason, _ := reasons.Load(sha); return reason == v1alpha1.ReasonRateLimited })
		if err := f.Fill(t.Context(), shas[again]); failure.Of(err).Reason == v1alpha1.ReasonRateLimited {
			t.Errorf("with room: %v", err)
		}
	})
}

// Strangers leave room for what is referenced, whatever they ask for.
func TestUnreferencedModulesLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looking atomic.Int32
		f := newFixture(t, referencing(ofX), func(o *fetch.Options) {
			o.Peers = func(ctx context.Context) ([]string, error) {
				if looking.Add(1) <= 16 {
					<-ctx.Done() // a stranger's
				}
				return nil, ctx.Err()
			}
		})
		var strangers sync.WaitGroup
		for i := range 40 {
			strangers.Go(func() { _ = f.Fill(t.Context(), hashOf([]byte{byte(i)})) })
		}
		synctest.Wait()
		f.fill(shaX)
		if n := looking.Load(); n != 17 {
			t.Errorf("%d fills looked for peers", n)
		}
		f.Stop()
		strangers.Wait()
	})
}

func TestAPanicInAFillIsAFailure(t *testing.T) {
	f := newFixture(t, reading(interceptor.NewClient(cluster(), interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		panic("a hostile object")
	}})))
	for range 2 { // and remembered as one
		f.notFilled(shaX, v1alpha1.ReasonUnavailable, false)
	}
}
