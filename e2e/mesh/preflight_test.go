// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// preflightCase is an AutoWasm that is fine in itself, and what is said of it.
type preflightCase struct {
	name     string
	selector string // default: the shop's
	filter   string
	reason   v1alpha1.Reason // "" when there is nothing to say
	words    string          // of the warning
}

// preflightCases are about a Pod with a proxy, and two Services.
var preflightCases = []preflightCase{
	{"unselected", "{matchLabels: {app: nobody}}", "", "NoPodSelected", "app=nobody matches no pod of namespace NAMESPACE: correct spec.selector"},
	{"unproxied", "{matchLabels: {app: bare}}", "", "NoProxySelected", "no pod that app=bare matches has a proxy of Istio: enable injection in namespace NAMESPACE"},
	{"service-port", "", "applyPorts: [80]", "ServicePortNotTargetPort", "port 80 is that of Service web, which leads to port web: write 9080 into applyPorts for context Inbound"},
	{"not-http", "", "applyPorts: [9090]", "PortNotHTTP", "port 9090 (tcp-db) is not HTTP to Istio, by Service db: name its port http-… or set appProtocol: http"},
	{"container-port", "", "applyPorts: [9070]", "PortNotInService", "port 9070 is in no Service, so Istio has no listener for it: add targetPort 9070 to a Service of these pods"},
	{"no-port", "", "applyPorts: [9999]", "PortNotFound", "port 9999 is not a target port of a Service for the selected pods: choose of 9080, 9090"},
	{"target-port", "", "context: Outbound, applyPorts: [9080]", "", ""}, // the workloads of this mesh have it as their own
	{"outbound-target-port", "", "context: Outbound, applyPorts: [9092]", "TargetPortNotServicePort", "port 9092 is a target port of Service web: write its own port 82 into applyPorts for context Outbound"},
	{"outbound-not-http", "", "context: Outbound, applyPorts: [9091]", "PortNotHTTP", "port 9091 (tcp-db) is not HTTP to Istio, by Service db"},
	{"outbound-no-port", "", "context: Outbound, applyPorts: [9999]", "PortNotFound", "port 9999 is not the port of any Service: context Outbound means the port that is called"},
	{"right", "", "applyPorts: [9080]", "", ""},
	{"outbound-right", "", "context: Outbound, applyPorts: [82]", "", ""},
}

// shop is what the cases are about. Its proxy intercepts, so that Services make its listeners, as in a cluster.
const shop = `
apiVersion: v1
kind: Pod
metadata: {name: shop-1, labels: {app: shop}}
spec:
  automountServiceAccountToken: false
  containers:
  - {name: app, image: app, ports: [{name: web, containerPort: 9080}, {name: admin, containerPort: 9070}]}
  - {name: istio-proxy, image: envoy}
---
apiVersion: v1
kind: Pod
metadata: {name: bare-1, labels: {app: bare}}
spec:
  automountServiceAccountToken: false
  containers: [{name: app, image: app}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: shop}
  ports: [{name: http, port: 80, targetPort: web}, {name: http-more, port: 82, targetPort: 9092}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  selector: {app: shop}
  ports: [{name: tcp-db, port: 9091, targetPort: 9090}]
`

const shopAddress = "10.99.0.1" // nobody listens there

// TestPreflight: what kubectl warns of stands in the status, and is true: istiod inserts the filter where nothing is
// said, and nowhere else.
func TestPreflight(t *testing.T) {
	t.Parallel()
	ns, image := cluster.Namespace(t), pushExample(t, "preflight")
	cluster.Apply(t, ns, shop)
	status := fmt.Sprintf(`{"status":{"phase":"Running","podIP":%q,"podIPs":[{"ip":%q}]}}`, shopAddress, shopAddress)
	if _, err := cluster.Kubectl(t.Context(), "patch", "pod", "shop-1", "-n", ns, "--subresource=status", "--type=merge", "-p", status); err != nil {
		t.Fatal(err)
	}
	for _, c := range preflightCases {
		requireWarning(t, c, ns, cluster.Apply(t, ns, c.manifest(ns, image)).Stderr)
	}
	for _, c := range preflightCases {
		waitForPreflight(t, ns, c.name, c.reason)
	}
	waitForInserted(t, shopNode(ns), ns, "right", "outbound-right")
	// It fetches the whole state, after what was made last is in it.
	inserted := insertedFilters(t.Context(), t, shopNode(ns))
	for _, c := range preflightCases {
		is := slices.Contains(inserted, "autowasm."+ns+"."+c.name)
		if c.selector == "" && c.name != "target-port" && is != (c.reason == "") {
			t.Errorf("%s: inserted: %t, though it is said: %q", c.name, is, c.reason)
		}
	}
	requireDryRunWarns(t, ns, image)
	requirePodCures(t, ns)
}

func (c preflightCase) manifest(ns, image string) string {
	selector := c.selector
	if selector == "" {
		selector = "{matchLabels: {app: shop}}"
	}
	return autoWasm{name: c.name, namespace: ns, image: image, selector: selector, filter: c.filter}.String()
}

func requireWarning(t *testing.T, c preflightCase, ns, stderr string) {
	t.Helper()
	want := "Warning: " + strings.ReplaceAll(c.words, "NAMESPACE", ns)
	if c.reason == "" && strings.Contains(stderr, "Warning") || c.reason != "" && !strings.Contains(stderr, want) {
		t.Errorf("%s: kubectl says %q, want %q", c.name, stderr, want)
	}
}

// waitForPreflight waits until the status says what was found; reason "" is for nothing.
func waitForPreflight(t *testing.T, ns, name string, reason v1alpha1.Reason) metav1.Condition {
	t.Helper()
	want := metav1.ConditionFalse
	if reason == "" {
		want, reason = metav1.ConditionTrue, v1alpha1.ReasonNothingFound
	}
	aw := cluster.WaitFor(t, ns, name, suite.Condition(v1alpha1.ConditionPreflightPassed, want, reason))
	return *meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionPreflightPassed)
}

// shopNode is how the shop's proxy would name itself.
func shopNode(ns string) ads.Node {
	n := ads.Sidecar("shop-1", ns, shopAddress, map[string]string{"app": "shop"})
	n.Metadata["INTERCEPTION_MODE"] = "REDIRECT"
	return n
}

// insertedFilters are the names of all HTTP filters of a proxy's listeners.
func insertedFilters(ctx context.Context, t *testing.T, n ads.Node) []string {
	t.Helper()
	pushed, err := ads.Fetch(ctx, mesh.Istiod.Address, n)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range pushed.Listeners {
		for _, chain := range filters(pushed, l.GetName()) {
			names = append(names, chain...)
		}
	}
	return names
}

func waitForInserted(t *testing.T, n ads.Node, ns string, names ...string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		inserted := insertedFilters(ctx, t, n)
		for _, name := range names {
			if !slices.Contains(inserted, "autowasm."+ns+"."+name) {
				return fmt.Errorf("%s is not inserted into %v", name, inserted)
			}
		}
		return nil
	})
}

// requireDryRunWarns: what would be said is said before anything is made.
func requireDryRunWarns(t *testing.T, ns, image string) {
	t.Helper()
	c := preflightCases[2]
	c.name = "dry"
	requireWarning(t, c, ns, cluster.Apply(t, ns, c.manifest(ns, image), "--dry-run=server").Stderr)
}

// requirePodCures: the status follows what changes in the cluster, without a touch of the AutoWasm.
func requirePodCures(t *testing.T, ns string) {
	t.Helper()
	late := strings.NewReplacer("shop-1", "late-1", "app: shop", "app: nobody").Replace(strings.Split(shop, "---")[0])
	cluster.Apply(t, ns, late)
	waitForPreflight(t, ns, "unselected", "")
}

// TestSidecarHidesWasmer: a Sidecar really keeps the module server's cluster from a proxy, which then cannot load the
// module; kubectl says so, and with the remedy the filter runs.
func TestSidecarHidesWasmer(t *testing.T) {
	w := workload(t, "hidden")
	sidecar(t, w, ProxyOptions{})
	setEgress(t, w, "./*")
	suite.Eventually(t, func(ctx context.Context) error {
		if now := pushed(t, w); now.Cluster(WasmerCluster) != nil {
			return fmt.Errorf("there still is a cluster %s", WasmerCluster)
		}
		return nil
	})
	out := cluster.Apply(t, namespace, tutorial.Manifest{Name: "hidden", App: "hidden", Image: pushExample(t, "hidden")}.String())
	t.Cleanup(func() { deleteAutoWasm(t, "hidden") })
	const want = "add istio-system/wasmer.istio-system.svc.cluster.local to egress.hosts of Sidecar default/hidden, or no module loads"
	if !strings.Contains(out.Stderr, "Warning: "+want) {
		t.Errorf("kubectl says %q, want %q", out.Stderr, want)
	}
	if got := waitForPreflight(t, namespace, "hidden", v1alpha1.ReasonModuleServerHidden).Message; got != want {
		t.Errorf("the status says %q, want %q", got, want)
	}
	suite.Eventually(t, func(ctx context.Context) error { return hasFilter(ctx, w, "autowasm.default.hidden") })
	if pushed(t, w).Cluster(WasmerCluster) != nil {
		t.Errorf("the EnvoyFilter brought the cluster %s to a sidecar", WasmerCluster)
	}
	requireStays(t, w.URL(InboundPort), "200", 5*time.Second)

	setEgress(t, w, "./*", "istio-system/wasmer.istio-system.svc.cluster.local")
	waitForPreflight(t, namespace, "hidden", "")
	suite.Eventually(t, func(ctx context.Context) error {
		return checkAnswer(ctx, w.URL(InboundPort), "200 world")
	})
}

// setEgress lets a workload's proxy reach these hosts.
func setEgress(t *testing.T, w *Workload, hosts ...string) {
	t.Helper()
	patch := fmt.Sprintf(`[{"op": "replace", "path": "/spec/egress/0/hosts", "value": ["%s"]}]`, strings.Join(hosts, `", "`))
	if _, err := cluster.Kubectl(t.Context(), "patch", "sidecars.networking.istio.io", w.Name, "-n", namespace, "--type=json", "-p", patch); err != nil {
		t.Fatal(err)
	}
}

// TestGatewayOfRoutesAlone: with the setting by which istiod gives a gateway only what its routes lead to, it has the
// module server nevertheless, once it has a filter for it.
func TestGatewayOfRoutesAlone(t *testing.T) {
	restartIstiod := func() {
		if err := mesh.Istiod.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := mesh.Istiod.Restart(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(restartIstiod) // after the variable is gone
	t.Setenv("PILOT_FILTER_GATEWAY_CLUSTER_CONFIG", "true")
	restartIstiod()
	hasWasmer := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), suite.Timeout)
		defer cancel()
		now, err := ads.Fetch(ctx, mesh.Istiod.Address, mesh.Gateway.Node())
		if err != nil {
			t.Fatal(err)
		}
		return now.Cluster(WasmerCluster) != nil
	}
	if hasWasmer() {
		t.Fatal("the gateway knows wasmer before it has a reason to")
	}
	aw := autoWasm{
		name: "routes", namespace: gatewayNamespace, image: pushExample(t, "routes"), selector: "{matchLabels: {istio: ingressgateway}}",
		filter: "context: Gateway, config: routes", // an answer that details never gives
	}
	aw.apply(t)
	suite.Eventually(t, func(context.Context) error {
		if !hasWasmer() {
			return fmt.Errorf("the gateway has no cluster %s", WasmerCluster)
		}
		return nil
	})
	waitForAnswer(t, mesh.GatewayURL, "200 routes")
}
