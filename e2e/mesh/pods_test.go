// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/e2e/suite"
)

// seen is what an observer makes of a Pod.
type seen struct {
	Phase    corev1.PodPhase
	IP       string
	Ready    bool
	Proxy    string // waiting, running or terminated
	Restarts int32
}

// TestPodOfWorkload: a Pod is pending before its sidecar is started, running while it runs, and has a container restarted
// when it is started again.
func TestPodOfWorkload(t *testing.T) {
	w := workload(t, "podded")
	want := seen{Phase: corev1.PodPending, IP: w.Address, Proxy: "waiting"}
	waitSeen(t, w.Pod, want)

	p := sidecar(t, w, ProxyOptions{})
	want = seen{Phase: corev1.PodRunning, IP: w.Address, Ready: true, Proxy: "running"}
	waitSeen(t, w.Pod, want)
	first := proxyStatus(podObject(t, w.Pod)).State.Running.StartedAt

	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	want.Ready, want.Proxy = false, "terminated"
	waitSeen(t, w.Pod, want)
	time.Sleep(time.Until(first.Add(time.Second))) // times in objects are of whole seconds

	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want.Ready, want.Proxy, want.Restarts = true, "running", 1
	waitSeen(t, w.Pod, want)
	if again := proxyStatus(podObject(t, w.Pod)).State.Running.StartedAt; !first.Before(&again) {
		t.Errorf("its proxy started at %s, and at %s before", again, first)
	}
}

// TestPodOfGateway: it has the proxy alone.
func TestPodOfGateway(t *testing.T) {
	waitSeen(t, mesh.Gateway.Pod, seen{Phase: corev1.PodRunning, IP: mesh.Gateway.Address, Ready: true, Proxy: "running"})
	var got []string
	for _, c := range podObject(t, mesh.Gateway.Pod).Spec.Containers {
		for _, p := range c.Ports {
			got = append(got, fmt.Sprintf("%s %s:%d", c.Name, p.Name, p.ContainerPort))
		}
	}
	want := []string{"istio-proxy http-8080:8080", "istio-proxy http-envoy-prom:15090"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPodIsEndpoint: istiod sends requests to a workload while its Pod is ready.
func TestPodIsEndpoint(t *testing.T) {
	w := workload(t, "target")
	p := sidecar(t, w, ProxyOptions{})
	requireEndpoints(t, w, 1)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	requireEndpoints(t, w, 0)
}

// silence is longer than a proxy's main thread, which answers its probes, is busy with the compilation of a module.
const silence = 20 * time.Second

// TestPodOfSilentProxy: a Pod stays ready while its proxy does not answer for a while. See readiness for how long.
func TestPodOfSilentProxy(t *testing.T) {
	t.Parallel()
	w := workload(t, "silent")
	p := sidecar(t, w, ProxyOptions{})
	ready := seen{Phase: corev1.PodRunning, IP: w.Address, Ready: true, Proxy: "running"}
	waitSeen(t, w.Pod, ready)
	signal(t, p, syscall.SIGSTOP)
	t.Cleanup(func() { signal(t, p, syscall.SIGCONT) }) // or it could not be stopped
	suite.Never(t, silence, "the Pod of a silent proxy is unready", func(context.Context) error {
		if see(podObject(t, w.Pod)) == ready {
			return errors.New("it is ready")
		}
		return nil
	})
}

func signal(t *testing.T, p *Proxy, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.PID(), s); err != nil {
		t.Fatalf("send %s to a proxy: %v", s, err)
	}
}

// TestStats: a proxy tells, on its Pod's address, the statistics that Istio keeps and no others.
func TestStats(t *testing.T) {
	for _, pod := range []*Pod{mesh.Details.Pod, mesh.Gateway.Pod} {
		stats := get(t, pod.StatsURL())
		for name, want := range map[string]bool{
			"envoy_listener_manager_lds_update_rejected{": true, "envoy_cluster_upstream_rq_total{cluster_name=\"xds-grpc\"}": true,
			"envoy_http_": false, "envoy_cluster_upstream_rq_total{cluster_name=\"outbound": false,
		} {
			if strings.Contains(stats, name) != want {
				t.Errorf("%s tells of %s: %t", pod, name, !want)
			}
		}
	}
}

// TestProxyConnectsFromPod: a server sees the Pod's address.
func TestProxyConnectsFromPod(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprint(w, host)
	}))
	t.Cleanup(server.Close)
	_, port, err := splitAddress(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mesh.Announce(t.Context(), "callers", port); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, mesh.Details.OutboundURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = serviceHost("callers")
	suite.Eventually(t, func(context.Context) error {
		got, err := body(r)
		if err == nil && got != mesh.Details.Pod.Address {
			return fmt.Errorf("the server was asked from %q, want %q", got, mesh.Details.Pod.Address)
		}
		return err
	})
}

// waitSeen waits until an observer makes that of a Pod.
func waitSeen(t *testing.T, p *Pod, want seen) {
	t.Helper()
	suite.Eventually(t, func(context.Context) error {
		if diff := cmp.Diff(want, see(podObject(t, p))); diff != "" {
			return fmt.Errorf("Pod %s (-want +got):\n%s", p, diff)
		}
		return nil
	})
}

func see(pod *corev1.Pod) seen {
	proxy := proxyStatus(pod)
	got := seen{Phase: pod.Status.Phase, IP: pod.Status.PodIP, Restarts: proxy.RestartCount, Proxy: "waiting"}
	switch {
	case proxy.State.Running != nil:
		got.Proxy = "running"
	case proxy.State.Terminated != nil:
		got.Proxy = "terminated"
	}
	for _, c := range pod.Status.Conditions {
		got.Ready = got.Ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	return got
}

func proxyStatus(pod *corev1.Pod) corev1.ContainerStatus {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == "istio-proxy" {
			return c
		}
	}
	return corev1.ContainerStatus{}
}

func podObject(t *testing.T, p *Pod) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := cluster.Client.Get(t.Context(), p.NamespacedName, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// requireEndpoints waits until the gateway knows so many endpoints of a workload's port.
func requireEndpoints(t *testing.T, w *Workload, want int) {
	t.Helper()
	prefix := fmt.Sprintf("outbound|%d||%s::%s::cx_active", InboundPort, w.Host(), at(w.Address, InboundPort))
	suite.Eventually(t, func(ctx context.Context) error {
		if got := strings.Count(get(t, mesh.GatewayAdminURL+"/clusters"), prefix); got != want {
			return fmt.Errorf("the gateway knows %d endpoints of %s, want %d", got, w.Name, want)
		}
		return nil
	})
}

func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := body(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// body is that of the answer 200 to a request.
func body(r *http.Request) (string, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", r.Method, r.URL, response.Status)
	}
	return string(text), err
}
