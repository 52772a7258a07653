// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// crash has the proxy of a Pod end now. It is started again, if it is to be up.
func (h *meshed) crash(name string, up bool) {
	h.t.Helper()
	pod := &corev1.Pod{}
	if err := h.client.Get(h.t.Context(), client.ObjectKey{Namespace: testKey.Namespace, Name: name}, pod); err != nil {
		h.t.Fatal(err)
	}
	s := &pod.Status.ContainerStatuses[0]
	s.RestartCount++
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 139, Reason: "Error", FinishedAt: metav1.NewTime(h.now)}
	s.State = corev1.ContainerState{}
	if up {
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(h.now)}
	}
	if err := h.client.Status().Update(h.t.Context(), pod); err != nil {
		h.t.Fatal(err)
	}
	h.forgetWrites()
}

func restarted(selected, running, restarted int32) *v1alpha1.ProxiesStatus {
	return &v1alpha1.ProxiesStatus{Selected: selected, Running: running, Restarted: restarted}
}

// TestAProxyThatRestarts has one Event, and the status says so for as long as it is true. A new leader says nothing new.
func TestAProxyThatRestarts(t *testing.T) {
	h := readyMesh(t)
	h.now = h.now.Add(20 * time.Second)
	h.crash("a", true)
	h.scrapeAfter(time.Second)
	h.scrapeAfter(confirmAfter)
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectLoaded(loadedOne, restarted(1, 1, 1))
	h.expectWrites(statusOnly, "Warning ProxyRestarted")
	if message := h.autoWasm().Status.Message; !strings.Contains(message, "1 of 1 selected proxies run the module; the proxy of Pod shop/a restarted 2") {
		t.Errorf("message %q", message)
	}
	for range 3 {
		h.scrapeAfter(time.Minute)
		h.mustReconcile()
	}
	h.restart()
	for range 3 {
		h.scrapeAfter(time.Minute)
		h.mustReconcile()
	}
	for _, e := range h.announced() {
		if strings.HasPrefix(e, "Warning") {
			t.Errorf("announced again: %s", e)
		}
	}
}

// TestAProxyThatDoesNotStayUp is no success.
func TestAProxyThatDoesNotStayUp(t *testing.T) {
	h := readyMesh(t)
	h.crash("a", false)
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhasePending, "False", "ProxyRestarted")
	h.expectLoaded("ProxiesLoaded=False ProxyRestarted @1", restarted(1, 0, 1))
	h.expectWrites(statusOnly, "Warning ProxyRestarted")
	h.crash("a", true)
	h.scrapeAfter(time.Second)
	h.expect(v1alpha1.PhaseFailed, "False", "ProxyRestarted")
	h.expectLoaded("ProxiesLoaded=False ProxyRestarted @1", restarted(1, 0, 1))
	h.expectWrites(statusOnly)
}

func TestMoreRestarted(t *testing.T) {
	of := func(generation int64, counts *v1alpha1.ProxiesStatus) v1alpha1.AutoWasmStatus {
		return v1alpha1.AutoWasmStatus{EnvoyFilter: &v1alpha1.EnvoyFilterStatus{Name: "test", Generation: generation}, Proxies: counts}
	}
	for name, tt := range map[string]struct {
		prev, next v1alpha1.AutoWasmStatus
		want       bool
	}{
		"nothing is known":      {of(1, nil), of(1, nil), false},
		"none":                  {of(1, nil), of(1, restarted(2, 2, 0)), false},
		"the first":             {of(1, restarted(2, 2, 0)), of(1, restarted(2, 2, 1)), true},
		"the same":              {of(1, restarted(2, 2, 1)), of(1, restarted(2, 1, 1)), false},
		"another":               {of(1, restarted(2, 2, 1)), of(1, restarted(2, 2, 2)), true},
		"its Pod is gone":       {of(1, restarted(2, 2, 1)), of(1, restarted(1, 1, 0)), false},
		"after another change":  {of(1, restarted(2, 2, 1)), of(2, restarted(2, 2, 1)), true},
		"the first status ever": {v1alpha1.AutoWasmStatus{}, of(1, restarted(1, 1, 1)), true},
	} {
		if got := moreRestarted(tt.prev, tt.next); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
