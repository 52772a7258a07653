package controller

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

// fakeMesh is a cache of Pods whose proxies answer from memory. It is all that a
// proxyWatcher asks.
type fakeMesh struct {
	mu        sync.Mutex
	pods      []*corev1.Pod
	answers   map[string]answer // by IP address; one that is missing is silent
	asked     []ask
	atOnce    int // how many are being asked
	mostOnce  int
	listErr   error
	sightings map[string]peer.Access
	refusals  map[string]string
	controls  int   // how often istiod was asked
	brokenErr error // of sightings and refusals
}

// answer is what a proxy says, after some time.
type answer struct {
	proxies.Report
	err  error
	took time.Duration
}

// ask is one question to a proxy.
type ask struct {
	ip     string
	at     time.Time
	maxAge time.Duration
}

var errSilent = errors.New("no answer")

func (m *fakeMesh) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("get: not expected")
}

func (m *fakeMesh) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var o client.ListOptions
	o.ApplyOptions(opts)
	into := list.(*corev1.PodList)
	for _, pod := range m.pods {
		if (o.Namespace == "" || o.Namespace == pod.Namespace) && o.LabelSelector.Matches(labels.Set(pod.Labels)) {
			into.Items = append(into.Items, *pod)
		}
	}
	return m.listErr
}

func (m *fakeMesh) Ask(ctx context.Context, ip string, maxAge time.Duration) (proxies.Report, error) {
	a := m.begin(ip, maxAge)
	defer m.end()
	select {
	case <-time.After(a.took):
		return a.Report, a.err
	case <-ctx.Done():
		return proxies.Report{}, ctx.Err()
	}
}

func (m *fakeMesh) begin(ip string, maxAge time.Duration) answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, ask{ip, time.Now(), maxAge})
	m.atOnce++
	m.mostOnce = max(m.mostOnce, m.atOnce)
	a, ok := m.answers[ip]
	if !ok {
		a.err = errSilent
	}
	return a
}

func (m *fakeMesh) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.atOnce--
}

func (m *fakeMesh) Collect(context.Context, string) (map[string]peer.Access, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sightings, m.brokenErr
}

func (m *fakeMesh) Refusals(context.Context) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.controls++
	return m.refusals, m.brokenErr
}

// run adds a Pod whose proxy has started just now, and says so.
func (m *fakeMesh) run(name, ip string, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.pods = append(m.pods, sidecarPod(name, ip, func(pod *corev1.Pod) {
		for i := range pod.Status.ContainerStatuses {
			pod.Status.ContainerStatuses[i].State = runningSince(now)
		}
	}))
	if m.answers == nil {
		m.answers = map[string]answer{}
	}
	m.answers[ip] = a
}

// says has the proxy at an address answer otherwise from now on.
func (m *fakeMesh) says(ip string, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[ip] = a
}

// set changes what else is known from now on.
func (m *fakeMesh) set(edit func(*fakeMesh)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	edit(m)
}

func (m *fakeMesh) remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pods = slices.DeleteFunc(m.pods, func(pod *corev1.Pod) bool { return pod.Name == name })
}

// asks returns the questions since the last call.
func (m *fakeMesh) asks() []ask {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := m.asked
	m.asked = nil
	return asked
}

// gaps are the times between questions.
func gaps(asked []ask) []time.Duration {
	var out []time.Duration
	for i := 1; i < len(asked); i++ {
		out = append(out, asked[i].at.Sub(asked[i-1].at))
	}
	return out
}

var (
	plugin1 = render.Plugin{Owner: "autowasm.shop.test", VM: "11111111", Revision: "aaaaaaaa"}
	plugin2 = render.Plugin{Owner: "autowasm.shop.test", VM: "22222222", Revision: "bbbbbbbb"}
)

// What a proxy of two workers answers.
func runs(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, VMs: 4, Filters: []proxies.Filter{filterOf(p)}}}
}

func waitsFor(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, Warming: 1, Filters: []proxies.Filter{filterOf(p)}}}
}

func gaveUp(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, FetchFailures: 1, Filters: []proxies.Filter{filterOf(p)}}}
}

func doesNotStart(p render.Plugin) answer {
	return answer{Report: proxies.Report{Workers: 2, FetchSuccesses: 1, Filters: []proxies.Filter{filterOf(p)}}}
}

func silent(err error) answer { return answer{err: err} }

var without = answer{Report: proxies.Report{Workers: 2}}

// after has an answer take some time.
func (a answer) after(took time.Duration) answer {
	a.took = took
	return a
}

// watched is a proxyWatcher of a mesh with what it woke.
type watched struct {
	*proxyWatcher
	*fakeMesh
	mu    sync.Mutex
	woken []string
	stop  func()
}

// inMesh runs a test of a watcher in a time of its own, and ends it.
func inMesh(t *testing.T, test func(t *testing.T, w *watched), edits ...func(*ProxyOptions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, edits...)
		test(t, w)
		w.stop()
	})
}

func newWatched(t *testing.T, edits ...func(*ProxyOptions)) *watched {
	w := &watched{fakeMesh: &fakeMesh{}}
	o := ProxyOptions{Asker: w.fakeMesh, Sightings: w.fakeMesh, Refusals: w.fakeMesh}
	for _, edit := range edits {
		edit(&o)
	}
	w.proxyWatcher = newProxyWatcher(o.withDefaults(), w.fakeMesh, w.noteWake, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Start(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	return w
}

func (w *watched) noteWake(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = append(w.woken, key.Name)
}

// wakes returns who was woken since the last call.
func (w *watched) wakes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	woken := w.woken
	w.woken = nil
	return woken
}

// sees watches a target and returns what is known of it, in short; "" for nothing.
func (w *watched) sees(t proxyTarget) string {
	view, seen := w.watch(context.Background(), t)
	if !seen {
		return ""
	}
	if f := view.failure(false); f != nil {
		return f.Error()
	}
	return view.condition().Message
}

func running1(t *proxyTarget) {
	t.generation, t.envoyFilter, t.plugin = 1, targetFilter{"ef-1", 1}, plugin1
}

func running2(t *proxyTarget) {
	t.generation, t.envoyFilter, t.plugin = 2, targetFilter{"ef-1", 2}, plugin2
}
