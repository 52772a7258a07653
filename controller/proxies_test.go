// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

func TestSyncedWhenTheProxiesRun(t *testing.T) {
	h := newMeshed(t, autoWasm())
	h.pod("a", "10.0.0.1", withoutFilter)
	h.mustReconcile()
	h.expect(v1alpha1.PhasePending, "Unknown", "ProxiesLoading")
	h.expectLoaded(loadingFirst, nil)
	h.expectWrites(made)

	h.answers["10.0.0.1"] = waitsFor(h.plugin())
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhasePending, "Unknown", "ProxiesLoading")
	h.expectLoaded(loadingFirst, counts(1, 0))
	h.expectWrites(statusOnly)

	h.answers["10.0.0.1"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, counts(1, 1))
	h.expectWrites(statusOnly, "Normal Synced")
	if want, got := "EnvoyFilter test carries module sha256:"+shaA+" to the selected proxies; 1 of 1 selected proxies run the module", h.autoWasm().Status.Message; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestSyncedWithoutProxies(t *testing.T) {
	h := newMeshed(t, autoWasm())
	h.mustReconcile()
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded("ProxiesLoaded=Unknown NoProxySelected @1", nil)
	h.expectWrites(made, "Normal Synced")
	h.scrapeAfter(time.Second)
	h.expectWrites(noWrites)
}

// Without a change there is no write, however often an AutoWasm is reconciled.
func TestReconcilesWithoutAChangeWriteNothing(t *testing.T) {
	tests := map[string]func(render.Plugin) answer{
		"running":        runs,
		"loading":        waitsFor,
		"does not start": doesNotStart,
		"gave up":        func(p render.Plugin) answer { a := doesNotStart(p); a.FetchFailures, a.FetchSuccesses = 1, 0; return a },
		"no place":       func(render.Plugin) answer { return withoutFilter },
		"silent":         func(render.Plugin) answer { return noAnswer },
	}
	for name, says := range tests {
		t.Run(name, func(t *testing.T) {
			h := newMeshed(t, autoWasm())
			h.pod("a", "10.0.0.1", withoutFilter)
			h.mustReconcile()
			h.answers["10.0.0.1"] = says(h.plugin())
			h.scrapeAfter(time.Second)
			h.scrapeAfter(confirmAfter)
			h.forgetWrites()
			h.announced()
			for range 3 {
				if diff := cmp.Diff(reconcile.Result{}, h.mustReconcile()); diff != "" {
					t.Errorf("looked at again (-want +got):\n%s", diff)
				}
				h.scrapeAfter(0)
			}
			h.expectWrites(noWrites)
		})
	}
}

// After a restart the proxies are scraped again, which by itself is no change.
func TestARestartIsNoChange(t *testing.T) {
	tests := map[string]struct {
		says          func(render.Plugin) answer
		phase         v1alpha1.Phase
		ready, reason string
	}{
		"all is well":     {runs, v1alpha1.PhaseSynced, "True", "Synced"},
		"it failed":       {doesNotStart, v1alpha1.PhaseFailed, "False", "ProxyStartFailed"},
		"it has no place": {func(render.Plugin) answer { return withoutFilter }, v1alpha1.PhaseFailed, "False", "NotInserted"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newMeshed(t, autoWasm())
			h.pod("a", "10.0.0.1", withoutFilter)
			h.mustReconcile()
			h.answers["10.0.0.1"] = tt.says(h.plugin())
			h.scrapeAfter(time.Minute)
			h.scrapeAfter(confirmAfter)
			h.forgetWrites()
			h.announced()

			if now := time.Now(); now.After(h.now) { // the EnvoyFilter bears the time at which it was written
				h.now = now
			}
			h.now = h.now.Add(time.Hour)
			h.restart()
			h.mustReconcile()
			h.expect(tt.phase, tt.ready, tt.reason)
			h.expectWrites(noWrites)
			h.scrapeAfter(time.Second)
			h.expect(tt.phase, tt.ready, tt.reason)
			h.expectWrites(noWrites)
		})
	}
}

// What proxies said of another EnvoyFilter holds for this one no more.
func TestARestartAfterAChange(t *testing.T) {
	h := readyMesh(t)
	h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
	h.restart()
	h.mustReconcile()
	h.expect(v1alpha1.PhasePending, "Unknown", "ProxiesLoading")
	h.expectLoaded("ProxiesLoaded=Unknown ProxiesLoading @2", nil)
}

func TestANewPodTakesNothingBack(t *testing.T) {
	h := readyMesh(t)
	h.pod("b", "10.0.0.2", waitsFor(h.plugin()))
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, counts(2, 1))
	h.expectWrites(statusOnly)

	h.scrapeAfter(loadTime)
	h.expect(v1alpha1.PhasePending, "False", "ProxyLoadFailed")
	h.expectLoaded("ProxiesLoaded=False ProxyLoadFailed @1", counts(2, 1))
	h.expectWrites(statusOnly, "Warning ProxyLoadFailed")

	h.answers["10.0.0.2"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, counts(2, 2))
	h.expectWrites(statusOnly, "Normal Synced")
}

func TestAModuleThatDoesNotStart(t *testing.T) {
	h := newMeshed(t, autoWasm())
	h.pod("a", "10.0.0.1", withoutFilter)
	h.mustReconcile()
	h.answers["10.0.0.1"] = doesNotStart(h.plugin())
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhasePending, "Unknown", "ProxiesLoading")
	h.announced()
	h.forgetWrites()

	h.scrapeAfter(settleTime)
	h.expect(v1alpha1.PhaseFailed, "False", "ProxyStartFailed")
	h.expectLoaded("ProxiesLoaded=False ProxyStartFailed @1", counts(1, 0))
	h.expectWrites(statusOnly, "Warning ProxyStartFailed")

	h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
	h.mustReconcile()
	h.expect(v1alpha1.PhasePending, "Unknown", "ProxiesLoading")
	h.answers["10.0.0.1"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded("ProxiesLoaded=True Running @2", counts(1, 1))
}

// TestProxiesThatGaveUpReload: once, by another name of the plugin, and again later.
func TestProxiesThatGaveUpReload(t *testing.T) {
	h := newMeshed(t, autoWasm())
	h.pod("a", "10.0.0.1", withoutFilter)
	h.mustReconcile()
	before := h.plugin()
	h.answers["10.0.0.1"] = gaveUp(before)
	h.forgetWrites()
	h.scrapeAfter(settleTime) // enqueues it, and that reconcile writes the EnvoyFilter
	reloaded := h.plugin()
	if before.Owner != reloaded.Owner || before.VM != reloaded.VM || before.Revision == reloaded.Revision || render.ReloadOf(h.envoyFilter()) != 1 {
		t.Errorf("%s before, %s after %d reloads", before, reloaded, render.ReloadOf(h.envoyFilter()))
	}
	h.forgetWrites()
	for range 3 {
		h.mustReconcile()
	}
	h.expectWrites(noWrites)

	h.answers["10.0.0.1"] = gaveUp(reloaded)
	h.scrapeAfter(settleTime + time.Second)
	if n := render.ReloadOf(h.envoyFilter()); n != 1 {
		t.Errorf("%d reloads, before the second is due", n)
	}
	h.expect(v1alpha1.PhasePending, "False", "ProxyLoadFailed")
	h.scrapeAfter(firstReload)
	if n := render.ReloadOf(h.envoyFilter()); n != 2 {
		t.Errorf("%d reloads, want 2", n)
	}
	h.answers["10.0.0.1"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, counts(1, 1))

	h.restart()
	h.forgetWrites()
	h.announced()
	h.mustReconcile()
	h.expectWrites(noWrites) // the count is in the cluster
}

func TestAnEnvoyFilterThatIsDeletedByHand(t *testing.T) {
	h := readyMesh(t)
	before := h.envoyFilter()
	if err := h.client.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	h.forgetWrites()
	h.mustReconcile()
	if diff := cmp.Diff(content(before), content(h.envoyFilter())); diff != "" {
		t.Errorf("not restored (-before +after):\n%s", diff)
	}
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, counts(1, 1))
	h.expectWrites([]string{"create EnvoyFilter"})
}

func TestAHandEditStartsOver(t *testing.T) {
	h := readyMesh(t)
	h.byHand(func(ef *unstructured.Unstructured) {
		unstructured.RemoveNestedField(ef.Object, "spec", "configPatches")
	})
	h.mustReconcile()
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, counts(1, 1))
}

// What does not come so far as to be in force says nothing of proxies, and asks none.
func TestAFailureBeforeTheProxies(t *testing.T) {
	h := readyMesh(t)
	h.sources.failures[imageV2] = failure.Transientf(v1alpha1.ReasonUnavailable, "503")
	h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
	h.mustReconcile()
	h.expect(v1alpha1.PhasePending, "Unknown", "Unavailable")
	h.expectLoaded("none", nil)

	h.scrapes()
	h.answers["10.0.0.1"] = gaveUp(h.plugin())
	asked := h.sources.calls()
	h.scrapeAfter(time.Hour)
	if scraped := h.scrapes(); scraped != nil || h.changes != 0 || h.sources.calls() != asked {
		t.Errorf("scraped %v, %d changes, the source was asked %d times", scraped, h.changes, h.sources.calls()-asked)
	}

	delete(h.sources.failures, imageV2)
	h.mustReconcile()
	h.answers["10.0.0.1"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded("ProxiesLoaded=True Running @2", counts(1, 1))
}

func TestAnAutoWasmThatIsGoneIsNotScraped(t *testing.T) {
	h := readyMesh(t)
	if err := h.client.Delete(context.Background(), h.autoWasm()); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	h.scrapes()
	h.scrapeAfter(time.Hour)
	if scraped := h.scrapes(); scraped != nil {
		t.Errorf("scraped %v", scraped)
	}
}

// The status of a proxy that refuses the filter has istiod's words.
func TestAProxyThatRefuses(t *testing.T) {
	h := newMeshed(t, autoWasm())
	h.pod("a", "10.0.0.1", withoutFilter)
	h.rejections = map[string]string{"shop/a": "bad listener"}
	h.mustReconcile()
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseFailed, "False", "ProxyRefused")
	if want, got := "0 of 1 selected proxies run the module; the proxy of Pod shop/a refused its listeners: bad listener", h.autoWasm().Status.Message; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	h.expectWrites(append(made, statusOnly...), "Warning ProxyRefused")
}

// The words about many proxies fit into a condition with those that bound them.
func TestALongFailureIsCut(t *testing.T) {
	h := newMeshed(t, autoWasm())
	h.rejections = map[string]string{}
	for i := range 5 {
		name := fmt.Sprint(strings.Repeat("p", 250), i)
		h.pod(name, fmt.Sprint("10.0.0.", i), withoutFilter)
		h.rejections["shop/"+name] = strings.Repeat("ä", 300)
	}
	h.mustReconcile()
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseFailed, "False", "ProxyRefused")
	status := h.autoWasm().Status
	if n := len(status.Message); n > v1alpha1.MaxMessageBytes || n < v1alpha1.MaxMessageBytes-3 {
		t.Errorf("a message of %d bytes", n)
	}
	for _, c := range status.Conditions {
		if len(c.Message) > v1alpha1.MaxMessageBytes {
			t.Errorf("%s has a message of %d bytes", c.Type, len(c.Message))
		}
	}
}

func TestProxiesSummary(t *testing.T) {
	one := proxies.Snapshot{Selected: 2, Running: 1}
	for want, s := range map[string]*proxies.Snapshot{"; 1 of 2 selected proxies run the module": &one, "": {}} {
		if got := proxiesSummary(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
	if got := proxiesSummary(nil); got != "" {
		t.Errorf("where they are not observed: %q", got)
	}
}

// statusOf is that of generation 1 and an EnvoyFilter of generation 7, all of which was well, changed by the edits.
func statusOf(edits ...func(*v1alpha1.AutoWasmStatus)) v1alpha1.AutoWasmStatus {
	o := synced(shaA)
	o.envoyFilter.Generation = 7
	o.proxies = &proxies.Snapshot{Selected: 1, Running: 1}
	status := computeStatus(v1alpha1.AutoWasmStatus{}, 1, o, testTime)
	for _, edit := range edits {
		edit(&status)
	}
	return status
}

// setCondition changes one condition of a status, if it is there.
func setCondition(kind string, edit func(*metav1.Condition)) func(*v1alpha1.AutoWasmStatus) {
	return func(s *v1alpha1.AutoWasmStatus) {
		if c := meta.FindStatusCondition(s.Conditions, kind); c != nil {
			edit(c)
		}
	}
}

func TestWasObserved(t *testing.T) {
	tests := map[string]struct {
		edit func(*v1alpha1.AutoWasmStatus)
		want bool
	}{
		"the same":                       {func(*v1alpha1.AutoWasmStatus) {}, true},
		"of another generation":          {func(s *v1alpha1.AutoWasmStatus) { s.ObservedGeneration = 2 }, false},
		"of another EnvoyFilter":         {func(s *v1alpha1.AutoWasmStatus) { s.EnvoyFilter.Generation = 6 }, false},
		"without one":                    {func(s *v1alpha1.AutoWasmStatus) { s.EnvoyFilter = nil }, false},
		"of before they were asked":      {func(s *v1alpha1.AutoWasmStatus) { s.Conditions = s.Conditions[:1] }, false},
		"whatever it was that they said": {setCondition(v1alpha1.ConditionProxiesLoaded, func(c *metav1.Condition) { c.Status = metav1.ConditionFalse }), true},
	}
	for name, tt := range tests {
		if got := wasObserved(statusOf(tt.edit), 1, &v1alpha1.EnvoyFilterStatus{Name: "test", Generation: 7}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWasReady(t *testing.T) {
	tests := map[string]struct {
		edit func(*v1alpha1.AutoWasmStatus)
		want bool
	}{
		"the same":              {func(*v1alpha1.AutoWasmStatus) {}, true},
		"never":                 {func(s *v1alpha1.AutoWasmStatus) { s.Conditions = nil }, false},
		"not":                   {setCondition(v1alpha1.ConditionReady, func(c *metav1.Condition) { c.Status = metav1.ConditionFalse }), false},
		"of another generation": {setCondition(v1alpha1.ConditionReady, func(c *metav1.Condition) { c.ObservedGeneration = 0 }), false},
	}
	for name, tt := range tests {
		if got := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Status = statusOf(tt.edit) }).IsConditionTrue(v1alpha1.ConditionReady); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A new generation is not in force because the former one was.
func TestANewGenerationWaitsForItsProxies(t *testing.T) {
	h := readyMesh(t)
	h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
	h.mustReconcile()
	h.answers["10.0.0.1"] = waitsFor(h.plugin())
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhasePending, "Unknown", "ProxiesLoading")
	h.expectLoaded("ProxiesLoaded=Unknown ProxiesLoading @2", counts(1, 0))
}

// trapped is what a proxy answers that has started the filter again so often.
func trapped(p render.Plugin, n int64) answer {
	a := runs(p)
	a.Restarts = map[render.Plugin]int64{filters(p)[0]: n}
	return a
}

// TestAFilterThatTraps: once is a condition of its own, again and again is a failure, and neither is for good.
func TestAFilterThatTraps(t *testing.T) {
	h := readyMesh(t)
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectPasses("True NoTraps", 0)
	h.announced()
	h.forgetWrites()

	h.answers["10.0.0.1"] = trapped(h.plugin(), 1)
	h.scrapeAfter(time.Minute)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectPasses("False FilterTraps", 1)
	h.expectWrites(statusOnly)
	h.scrapeAfter(time.Minute)
	h.expectWrites(nil)

	h.answers["10.0.0.1"] = trapped(h.plugin(), 40)
	h.scrapeAfter(time.Minute)
	h.expect(v1alpha1.PhaseFailed, "False", "FilterTraps")
	h.expectLoaded("ProxiesLoaded=True Running @1", &v1alpha1.ProxiesStatus{Selected: 1, Running: 1, Trapped: 1})
	h.expectPasses("False FilterTraps", 1)
	h.expectWrites(statusOnly, "Warning FilterTraps")

	h.answers["10.0.0.1"] = noAnswer // which takes nothing back
	h.scrapeAfter(time.Minute)
	h.expectWrites(nil)
	h.answers["10.0.0.1"] = trapped(h.plugin(), 40)
	h.scrapeAfter(10 * time.Minute)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectPasses("True NoTraps", 0)
	h.expectWrites(statusOnly, "Normal Synced")
}

// TestTrapsThatAreNotCounted: Envoy counts none with the other policies.
func TestTrapsThatAreNotCounted(t *testing.T) {
	h := newMeshed(t, autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.FailurePolicy = v1alpha1.FailClosed }))
	h.pod("a", "10.0.0.1", withoutFilter)
	h.mustReconcile()
	h.answers["10.0.0.1"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expectPasses("Unknown TrapsUnseen", 0)
}

// expectPasses compares RequestsPass and how many proxies trap.
func (h *meshed) expectPasses(want string, trapped int32) {
	h.t.Helper()
	status := h.autoWasm().Status
	c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRequestsPass)
	if c == nil || string(c.Status)+" "+c.Reason != want || status.Proxies.Trapped != trapped {
		h.t.Errorf("RequestsPass %+v, proxies %+v, want %s and %d", c, status.Proxies, want, trapped)
	}
}
