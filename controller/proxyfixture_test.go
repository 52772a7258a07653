// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

// meshed is a harness with proxies that answer from memory, and are scraped when the test says so.
type meshed struct {
	*harness
	observer   *proxies.Reconciler
	now        time.Time
	changes    int
	answers    map[string]answer // by IP address; one that is missing is unreachable
	mu         sync.Mutex
	scraped    []string
	rejections map[string]string
}

// answer is what a proxy answers.
type answer struct {
	proxies.Report
	err error
}

// What a proxy of two workers answers.
func runs(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, VMs: 4, Filters: filters(p)}}
}

func waitsFor(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, Warming: 1, Filters: filters(p)}}
}

func gaveUp(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, FetchFailures: 1, Filters: filters(p)}}
}

func doesNotStart(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, FetchSuccesses: 1, Filters: filters(p)}}
}

// filters has a plugin as the statistics of a proxy name it.
func filters(p render.Plugin) []render.Plugin {
	p.Owner = strings.NewReplacer(".", "_", "-", "_").Replace(p.Owner)
	return []render.Plugin{p}
}

var (
	withoutFilter = answer{Report: proxies.Report{Workers: 2}}
	noAnswer      = answer{err: errNoAnswer}
	errNoAnswer   = errors.New("no answer")
)

func newMeshed(t *testing.T, objects ...client.Object) *meshed {
	t.Helper()
	h := &meshed{harness: newHarness(t, objects...), now: testTime, answers: map[string]answer{}}
	h.restart()
	return h
}

// restart makes reconcilers with no memory. An interval of nothing has the proxies scraped as often as the test
// wants.
func (h *meshed) restart() {
	h.observer = proxies.NewReconciler(cached{h.harness}, proxies.Options{
		Scraper: h, Accesses: h, SyncStatus: h, RootNamespace: "istio-system", Interval: 1, Now: func() time.Time { return h.now },
	})
	h.observer.OnChange(func(types.NamespacedName) { h.changes++ })
	h.options.Proxies = h.observer
	h.start()
}

func (h *meshed) Scrape(_ context.Context, ip string, _ time.Duration) (proxies.Report, error) {
	h.mu.Lock() // proxies are scraped side by side
	h.scraped = append(h.scraped, ip)
	h.mu.Unlock()
	a, ok := h.answers[ip]
	if !ok {
		a.err = errNoAnswer
	}
	return a.Report, a.err
}

func (h *meshed) Collect(context.Context, string) (map[string]peer.Access, error) {
	return nil, nil
}

func (h *meshed) Rejections(context.Context) (map[string]string, error) { return h.rejections, nil }

// pod adds a Pod whose proxy has just started.
func (h *meshed) pod(name, ip string, says answer) {
	h.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: testKey.Namespace, Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "details"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}, {Name: istio.ProxyContainer}}},
		Status: corev1.PodStatus{PodIP: ip, ContainerStatuses: []corev1.ContainerStatus{{
			Name:  istio.ProxyContainer,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(h.now)}},
		}}},
	}
	if err := h.client.Create(h.t.Context(), pod); err != nil {
		h.t.Fatal(err)
	}
	h.answers[ip] = says
	h.forgetWrites()
}

// mustReconcile reconciles the AutoWasm, and has the observer of the proxies notice what that wrote.
func (h *meshed) mustReconcile() reconcile.Result {
	h.t.Helper()
	result := h.harness.mustReconcile()
	cutOff, cancel := context.WithCancel(h.t.Context())
	cancel()
	h.observe(cutOff)
	return result
}

// scrapeAfter scrapes the proxies after some time, and reconciles the AutoWasm when that has changed something.
func (h *meshed) scrapeAfter(after time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(after + time.Nanosecond)
	h.changes = 0
	h.observe(h.t.Context())
	if h.changes > 0 {
		h.mustReconcile()
	}
}

func (h *meshed) observe(ctx context.Context) {
	h.t.Helper()
	if _, err := h.observer.Reconcile(ctx, reconcile.Request{NamespacedName: testKey}); err != nil {
		h.t.Fatal(err)
	}
}

// plugin is what the proxies should run now.
func (h *meshed) plugin() render.Plugin {
	h.t.Helper()
	return render.PluginOf(h.envoyFilter())
}

// scrapes returns who was scraped since the last call.
func (h *meshed) scrapes() []string {
	scraped := h.scraped
	h.scraped = nil
	return scraped
}

// expectWrites compares what was written since the last call, and announced.
func (h *meshed) expectWrites(writes []string, announced ...string) {
	h.t.Helper()
	if diff := cmp.Diff(writes, h.forgetWrites()); diff != "" {
		h.t.Errorf("writes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(announced, h.announced()); diff != "" {
		h.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// expectLoaded compares ProxiesLoaded and holds the whole status to what tools rely on.
func (h *meshed) expectLoaded(want string, counted *v1alpha1.ProxiesStatus) {
	h.t.Helper()
	status := h.autoWasm().Status
	got := "none"
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionProxiesLoaded); c != nil {
		got = line(*c)
	}
	if got != want {
		h.t.Errorf("got %s, want %s", got, want)
	}
	if diff := cmp.Diff(counted, status.Proxies, cmpopts.IgnoreFields(v1alpha1.ProxiesStatus{}, "NotRunning")); diff != "" {
		h.t.Errorf("proxies (-want +got):\n%s", diff)
	}
	checkContract(h.t, status)
}

func counts(selected, running int32) *v1alpha1.ProxiesStatus {
	return &v1alpha1.ProxiesStatus{Selected: selected, Running: running}
}

var (
	statusOnly   = []string{"status AutoWasm"}
	made         = []string{"create EnvoyFilter", "status AutoWasm"}
	noWrites     []string
	loadedOne    = "ProxiesLoaded=True Running @1"
	loadingFirst = "ProxiesLoaded=Unknown ProxiesLoading @1"
)

// How long things take in proxies; see there.
const (
	settleTime   = 10 * time.Second
	loadTime     = render.DefaultTimeout
	confirmAfter = 2 * time.Second
	firstReload  = 20 * time.Second
)

// readyMesh is a harness in which one proxy runs the filter.
func readyMesh(t *testing.T) *meshed {
	t.Helper()
	h := newMeshed(t, autoWasm())
	h.pod("a", "10.0.0.1", withoutFilter)
	h.mustReconcile()
	h.answers["10.0.0.1"] = runs(h.plugin())
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.forgetWrites()
	h.announced()
	return h
}
