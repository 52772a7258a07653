//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// TestDisruptions takes away, one after the other, what wasmer and the application run on, while 20 AutoWasms are applied
// and 20 requests sent in every second: no apply fails, no request fails or goes without the filter, and proxies that
// start load the module. New replicas find the old ones by the EndpointSlices of their Service, and fill their stores from
// them and not from the registry. Where a replica ends at once some applies fail, and succeed when they are tried again.
func TestDisruptions(t *testing.T) {
	d := newDisrupted(t)
	t.Run("rolling update of the application", func(t *testing.T) { d.during(t, 0, func() { restart(t, d.namespace, "details") }) })
	t.Run("eviction", func(t *testing.T) { d.during(t, 0, func() { evict(t, leader(t)) }) })
	t.Run("drain", func(t *testing.T) { d.during(t, 0, func() { drain(t, leader(t).Spec.NodeName) }) })
	t.Run("rolling update", func(t *testing.T) {
		d.during(t, 0, func() { rollWasmer(t) })
		requireFilledFromReplicas(t)
	})
	t.Run("kill the leader", func(t *testing.T) { d.during(t, killed, func() { killWasmer(t, leader(t)) }) })
	t.Run("lose the leader's node", d.loseNode)
}

const (
	webhookTimeout = 10 * time.Second
	// killed is how many applies may fail when a replica ends at once: those that it was about to answer, and those that the
	// API server sends to it before the kubelet has reported that it ended.
	killed = 3 * loadClients
	// lost is how many may fail when a node is lost: until it counts as not ready, after 50 seconds by default, the API
	// server sends requests to the replica there, each of which ends with the webhook's timeout or, now and then, before it.
	lost = 10 * loadClients
)

// disrupted is an application with the filter that is put under load.
type disrupted struct{ namespace, image string }

func newDisrupted(t *testing.T) disrupted {
	t.Helper()
	d := disrupted{namespace: newNamespace(t, "disruptions")}
	startApp(t, d.namespace)
	d.image = push(t, "disruptions/wasm-add-header")
	apply(t, d.namespace, tutorial.Manifest{Image: d.image}.String())
	kubectl(t, "wait", "autowasm/test", "-n", d.namespace, "--for=condition=Ready", suite.TimeoutFlag)
	suite.Eventually(t, func(context.Context) error { return askWithFilter(t, d.namespace) }) // Ready is a moment early
	return d
}

// during disrupts under load, which ends when all replicas are back. So many applies may fail at first.
func (d disrupted) during(t *testing.T, mayFail int, disrupt func()) {
	t.Helper()
	l, w := startLoad(t, d.namespace, d.image), startWatch(t, d.namespace)
	disrupt()
	awaitReplicas(t)
	w.stop(t)
	l.stop(t, mayFail)
}

// loseNode cuts off the node of the leader for as long as it takes the cluster to see so. What else runs there is lost,
// too: the application is not requested meanwhile. Then the other replica answers and leads, and a proxy that starts loads
// the module from it.
func (d disrupted) loseNode(t *testing.T) {
	cut := os.Getenv("CUT_NODE")
	if cut == "" {
		t.Log("no node is lost: CUT_NODE is not set, the command that cuts one off")
		return
	}
	node := leadAwayFromIstiod(t)
	l := startLoad(t, d.namespace, d.image)
	reconnect := cutOff(t, cut, node)
	kubectl(t, "wait", "node/"+node, "--for=condition=Ready=Unknown", suite.TimeoutFlag)
	time.Sleep(webhookTimeout) // until what is under way has failed
	l.check(t, lost)
	d.startsAwayFrom(t, node)
	reconnect()
	kubectl(t, "wait", "node/"+node, "--for=condition=Ready", suite.TimeoutFlag)
	awaitReplicas(t)
	l.stop(t, 0)
}

// startsAwayFrom starts one more Pod of details, on another node than one, and waits until it is ready: its proxy is not
// before it has loaded the module.
func (d disrupted) startsAwayFrom(t *testing.T, node string) {
	t.Helper()
	before := len(d.readyAwayFrom(t.Context(), node))
	kubectl(t, "scale", "-n", d.namespace, "deployment/details", "--replicas=3")
	suite.Eventually(t, func(ctx context.Context) error {
		if ready := d.readyAwayFrom(ctx, node); len(ready) <= before {
			return fmt.Errorf("of details only %v are ready elsewhere than on %s", ready, node)
		}
		return nil
	})
}

// readyAwayFrom are the Pods of details that are ready on other nodes than one.
func (d disrupted) readyAwayFrom(ctx context.Context, node string) (names []string) {
	var pods corev1.PodList
	if getJSON(ctx, &pods, "pods", "-n", d.namespace, "-l", "app=details", "--field-selector=spec.nodeName!="+node) != nil {
		return nil
	}
	for _, p := range pods.Items {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				names = append(names, p.Name)
			}
		}
	}
	return names
}
