package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// meshed is a harness whose proxies are asked when the test says so.
type meshed struct {
	*harness
	mesh    *fakeMesh
	watcher *proxyWatcher
	now     time.Time
	woken   int
}

func newMeshed(t *testing.T, objects ...client.Object) *meshed {
	t.Helper()
	h := &meshed{harness: newHarness(t, objects...), mesh: &fakeMesh{answers: map[string]answer{}}, now: testTime}
	h.restart()
	return h
}

// restart makes a reconciler and a watcher with no memory.
func (h *meshed) restart() {
	h.start()
	o := &ProxyOptions{Asker: h.mesh, Sightings: h.mesh, Refusals: h.mesh}
	h.watcher = newProxyWatcher(o.withDefaults(), h.mesh, func(types.NamespacedName) { h.woken++ }, func() time.Time { return h.now })
	h.watcher.queue.ShutDown() // the test looks
	h.reconciler.proxies = h.watcher
}

// pod adds a Pod whose proxy has just started.
func (h *meshed) pod(name, ip string, says answer) {
	h.mesh.pods = append(h.mesh.pods, sidecarPod(name, ip, proxyStatus(func(s *corev1.ContainerStatus) { s.State = runningSince(h.now) })))
	h.mesh.answers[ip] = says
}

// look asks the proxies after some time, and reconciles when that woke the AutoWasm.
func (h *meshed) look(after time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(after)
	h.woken = 0
	if target, ok := h.watcher.targetOf(testKey); ok {
		h.watcher.look(h.t.Context(), target)
	}
	if h.woken > 0 {
		h.mustReconcile()
	}
}

// plugin is what the proxies should run now.
func (h *meshed) plugin() render.Plugin {
	h.t.Helper()
	return render.PluginOf(h.envoyFilter())
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
	if c := find(status.Conditions, v1alpha1.ConditionProxiesLoaded); c != nil {
		got = line(*c)
	}
	if got != want {
		h.t.Errorf("got %s, want %s", got, want)
	}
	if diff := cmp.Diff(counted, status.Proxies); diff != "" {
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

// readyMesh is a harness in which one proxy runs the filter.
func readyMesh(t *testing.T) *meshed {
	t.Helper()
	h := newMeshed(t, autoWasm())
	h.pod("a", "10.0.0.1", without)
	h.mustReconcile()
	h.mesh.says("10.0.0.1", runs(h.plugin()))
	h.look(time.Second)
	h.look(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.forgetWrites()
	h.announced()
	return h
}
