// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestStartFails applies modules that are new to their proxies and do not start there. The status says in which Pod.
func TestStartFails(t *testing.T) {
	t.Parallel()
	for i, v := range envoy.Versions() {
		for function, what := range map[string]string{"proxy_on_vm_start": "trap", "proxy_on_configure": "refusal"} {
			t.Run(fmt.Sprintf("%s/%s", v, what), func(t *testing.T) {
				t.Parallel()
				w := workload(t, fmt.Sprintf("%s%c", what, 'a'+i))
				sidecar(t, w, ProxyOptions{Envoy: v})
				module := wasmtest.Module(wasmtest.Export(function, "ii:i"), wasmtest.Salt(w.Name))
				bad := onWorkload(w, w.Name, pushModule(t, w.Name+":v1", module), "applyPorts: [9081]")
				bad.apply(t)
				aw := waitSummary(t, bad, failed(v1alpha1.ReasonProxyStartFailed), "0 of 1 selected proxies run the module",
					"the proxy of Pod default/"+w.Pod.Name+" has the module, but runs only 0 of the 4 virtual machines")
				if p := aw.Status.Proxies; p.Requested != 1 {
					t.Errorf("nobody asked for the module: %+v", p)
				}
				requireAnswer(t, w.URL(OtherPort), "503")
				requireWarnings(t, w.Name, v1alpha1.ReasonProxyStartFailed)

				good := onWorkload(w, w.Name, pushModule(t, w.Name+":v2", moduleSaying(t, "earth")), "applyPorts: [9081]")
				good.apply(t)
				requireTruth(t, good, w.URL(OtherPort), "200 earth")
				waitSummary(t, good, running(1))
				requireWarnings(t, w.Name, v1alpha1.ReasonProxyStartFailed) // and no other since
			})
		}
	}
}

// requireWarnings waits until there are Events of type Warning about an AutoWasm, for these reasons and no others.
func requireWarnings(t *testing.T, name string, reasons ...v1alpha1.Reason) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := warnings(ctx, name)
		if err == nil && !slices.Equal(got, reasons) {
			return fmt.Errorf("the warnings about %s are %q, want %q", name, got, reasons)
		}
		return err
	})
}

// warnings are the reasons of the Events of type Warning about an AutoWasm.
func warnings(ctx context.Context, name string) (reasons []v1alpha1.Reason, err error) {
	events := &corev1.EventList{}
	err = cluster.Client.List(ctx, events, client.InNamespace(namespace), client.MatchingFields{
		"type": corev1.EventTypeWarning, "involvedObject.kind": "AutoWasm", "involvedObject.name": name,
	})
	for _, e := range events.Items {
		reasons = append(reasons, v1alpha1.Reason(e.Reason))
	}
	return reasons, err
}

// TestRefused: a proxy that has a module refuses a configuration of it, and whatever else is new in the same listener.
// Each status says what Envoy says. Who ran before does so still.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := workload(t, "refuser")
	url, image := w.URL(InboundPort), pushModule(t, "refuser:v1", moduleSaying(t, "pluto"))
	of := func(name, filter string) autoWasm {
		return onWorkload(w, "refuser-"+name, image, "applyPorts: [9080], "+filter)
	}
	first, good := of("first", "config: first"), of("changes", "priority: 1")
	bad, second := of("changes", `priority: 1, config: "x\ty"`), of("second", "config: second, priority: 2")
	applyAll(t, first, good)
	for _, a := range []autoWasm{first, good} {
		suite.Eventually(t, func(ctx context.Context) error { return hasFilter(ctx, w, "autowasm.default."+a.name) })
	}
	sidecar(t, w, ProxyOptions{})
	requireTruth(t, good, url, "200 pluto,first")
	waitSummary(t, first, running(1))

	bad.apply(t)
	waitSummary(t, bad, failed(v1alpha1.ReasonProxyRefused), "the proxy of Pod default/refuser-1 refused its listeners", "autowasm.default.refuser-changes")
	second.apply(t)
	waitSummary(t, second, failed(v1alpha1.ReasonProxyRefused), "the proxy of Pod default/refuser-1 refused its listeners", "autowasm.default.refuser-changes")
	requireAnswer(t, url, "200 pluto,first")
	waitSummary(t, first, running(1))
	requireWarnings(t, "refuser-changes", v1alpha1.ReasonProxyRefused)
	requireWarnings(t, "refuser-second", v1alpha1.ReasonProxyRefused)

	bad.delete(t)
	waitForAnswer(t, url, "200 second,first")
	requireTruth(t, second, url, "200 second,first")
	waitSummary(t, first, running(1))
	requireWarnings(t, "refuser-first")
}

// TestNotInserted: a filter for a port that a proxy does not have, or has for TCP, is nowhere, until the port is there.
func TestNotInserted(t *testing.T) {
	t.Parallel()
	const tcpPort = 9082
	w := workload(t, "placeless")
	sidecar(t, w, ProxyOptions{})
	setProtocol(t, w, "add", tcpPort, "TCP")
	suite.Eventually(t, func(context.Context) error {
		if pushed(t, w).Listener(w.InboundListener(tcpPort)) == nil {
			return errors.New("there is no listener for TCP yet")
		}
		return nil
	})
	image := pushModule(t, "placeless:v1", moduleSaying(t, "earth"))
	here, missing := onWorkload(w, "placeless", image, "applyPorts: [9081]"), onWorkload(w, "placeless", image, "applyPorts: [9999]")
	tcp := onWorkload(w, "placeless-tcp", image, "applyPorts: [9082]")
	here.apply(t)
	requireTruth(t, here, w.URL(OtherPort), "200 earth")
	applyAll(t, missing, tcp)
	for _, a := range []autoWasm{missing, tcp} {
		waitSummary(t, a, failed(v1alpha1.ReasonNotInserted), "0 of 1 selected proxies run the module", "the proxy of Pod default/placeless-1 has no HTTP listener that the filter's ports and context match")
		requireWarnings(t, a.name, v1alpha1.ReasonNotInserted)
	}
	setProtocol(t, w, "replace", tcpPort, "HTTP")
	requireTruth(t, tcp, w.URL(tcpPort), "200 earth")
	waitSummary(t, missing, failed(v1alpha1.ReasonNotInserted))
}

// setProtocol adds a third port to a workload's proxy, or changes it.
func setProtocol(t *testing.T, w *Workload, op string, port int, protocol string) {
	t.Helper()
	patch := fmt.Sprintf(`[{"op": %q, "path": "/spec/ingress/2", "value": {
		"port": {"number": %[2]d, "name": "%[3]s-%[2]d", "protocol": %[4]q}, "bind": %[5]q, "captureMode": "NONE", "defaultEndpoint": %[6]q}}]`,
		op, port, strings.ToLower(protocol), protocol, w.Address, w.App.Address)
	if _, err := cluster.Kubectl(t.Context(), "patch", "sidecars.networking.istio.io", w.Name, "-n", namespace, "--type=json", "-p", patch); err != nil {
		t.Fatal(err)
	}
}

// TestLoadFails: a proxy that a Sidecar keeps from the module server cannot load, and its status does not stay hopeful.
// Once the Sidecar lets it, it loads by itself.
func TestLoadFails(t *testing.T) {
	t.Parallel()
	w := workload(t, "kept")
	sidecar(t, w, ProxyOptions{})
	setEgress(t, w, "./*")
	waitWithoutCluster(t, w)
	a := onWorkload(w, "kept", pushModule(t, "kept:v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	began := time.Now()
	a.apply(t)
	waitSummary(t, a, pending(metav1.ConditionUnknown, v1alpha1.ReasonProxiesLoading), "the proxy of Pod default/kept-1 waits for the module")
	waitSummary(t, a, pending(metav1.ConditionFalse, v1alpha1.ReasonProxyLoadFailed), "the proxy of Pod default/kept-1 still tries to load the module")
	t.Logf("it took %s until the status said so", time.Since(began))
	requireAnswer(t, w.URL(OtherPort), "200")
	requireWarnings(t, "kept", v1alpha1.ReasonProxyLoadFailed)

	setEgress(t, w, "istio-system/*")
	requireTruth(t, a, w.URL(OtherPort), "200 earth")
	waitSummary(t, a, running(1))
}

// waitWithoutCluster waits until istiod has taken the module server from a workload's proxy.
func waitWithoutCluster(t *testing.T, w *Workload) {
	t.Helper()
	suite.Eventually(t, func(context.Context) error {
		if pushed(t, w).Cluster(WasmerCluster) != nil {
			return errors.New("the proxy still has the cluster of wasmer")
		}
		return nil
	})
}

// TestNoPodStarts: all Pods of a Service are replaced while a Sidecar keeps their proxies from the module server. None starts,
// though the AutoWasm was Ready; the status says so and names the Pod. Each way out that it names is one.
func TestNoPodStarts(t *testing.T) {
	t.Parallel()
	for name, wayOut := range map[string]func(t *testing.T, w *Workload, a autoWasm){
		"reach": func(t *testing.T, w *Workload, a autoWasm) {
			setEgress(t, w, "istio-system/*")
			requireTruth(t, a, w.URL(OtherPort), "200 earth")
		},
		"open": func(t *testing.T, w *Workload, a autoWasm) {
			a.filter += ", failurePolicy: FailOpen"
			a.apply(t)
			waitForAnswer(t, w.URL(OtherPort), "200")
		},
		"delete": func(t *testing.T, w *Workload, a autoWasm) {
			a.delete(t)
			waitForAnswer(t, w.URL(OtherPort), "200")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, a := startStuck(t, "stuck-"+name)
			wayOut(t, w, a)
		})
	}
}

// startStuck has an AutoWasm in force for a workload whose only proxy was restarted and cannot reach wasmer, and requires
// that the status says so.
func startStuck(t *testing.T, name string) (*Workload, autoWasm) {
	t.Helper()
	w := workload(t, name)
	p := sidecar(t, w, ProxyOptions{})
	a := onWorkload(w, name, pushModule(t, name+":v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	a.apply(t)
	requireTruth(t, a, w.URL(OtherPort), "200 earth")
	setEgress(t, w, "./*")
	waitWithoutCluster(t, w)
	stop(t, p)
	sidecar(t, w, ProxyOptions{NotReady: true})
	cluster.WaitFor(t, a.space(), a.name, summarized(pending(metav1.ConditionFalse, v1alpha1.ReasonProxyLoadFailed)),
		suite.Message("0 of 1 selected proxies run the module", "the proxy of Pod default/"+w.Pod.Name+" is not ready and refuses connections",
			"failurePolicy FailOpen", "when the AutoWasm is deleted"))
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := warnings(ctx, name)
		// Its Pod is the same, with a restart that is soon after the change, or not so soon on a busy machine.
		got = slices.DeleteFunc(got, func(r v1alpha1.Reason) bool { return r == v1alpha1.ReasonProxyRestarted })
		if err == nil && !slices.Equal(got, []v1alpha1.Reason{v1alpha1.ReasonProxyLoadFailed}) {
			err = fmt.Errorf("the warnings about %s are %q", name, got)
		}
		return err
	})
	return w, a
}

// TestNothingIsKnown: an AutoWasm is not Ready before a proxy is known to run it.
func TestNothingIsKnown(t *testing.T) {
	t.Parallel()
	w := workload(t, "mute")
	p := sidecar(t, w, ProxyOptions{})
	signal(t, p, syscall.SIGSTOP)
	resume := sync.OnceFunc(func() { signal(t, p, syscall.SIGCONT) })
	t.Cleanup(resume) // or it could not be stopped
	a := onWorkload(w, "mute", pushModule(t, "mute:v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	a.apply(t)
	waitSummary(t, a, pending(metav1.ConditionUnknown, v1alpha1.ReasonProxiesUncertain), "the proxy of Pod default/mute-1 cannot be asked", "let wasmer reach port 15090")
	resume()
	requireTruth(t, a, w.URL(OtherPort), "200 earth")
}

// TestDeletedAndAppliedAgain: an AutoWasm has the name and the spec of one that was deleted, whose listener still drains with
// its counters. That the proxy refuses the new one, whose module it knows by now, is seen all the same.
func TestDeletedAndAppliedAgain(t *testing.T) {
	t.Parallel()
	w := workload(t, "again")
	sidecar(t, w, ProxyOptions{})
	image := pushModule(t, "again:v1", largeModuleSaying(t, "pluto"))
	bad := onWorkload(w, "again", image, `applyPorts: [9081], config: {header: "x y"}`) // which it refuses
	good := onWorkload(w, "again", image, "applyPorts: [9081]")
	bad.apply(t)
	waitSummary(t, bad, failed(v1alpha1.ReasonProxyStartFailed))
	good.apply(t)
	requireTruth(t, good, w.URL(OtherPort), "200 pluto")
	good.delete(t)
	waitForAnswer(t, w.URL(OtherPort), "200")
	bad.apply(t)
	waitSummary(t, bad, failed(v1alpha1.ReasonProxyRefused))
}
