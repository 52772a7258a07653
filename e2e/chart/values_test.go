// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	deployment = "Deployment istio-system/wasmer"
	digest     = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// TestValues: what each value changes.
func TestValues(t *testing.T) {
	t.Parallel()
	pod := func(path ...any) []any { return append([]any{"spec", "template", "spec"}, path...) }
	container := func(path ...any) []any { return append(pod("containers", 0), path...) }
	tests := []struct {
		value  string
		object string
		path   []any
		want   any
	}{
		{`replicas=3`, deployment, []any{"spec", "replicas"}, 3.0},
		{`image={"repository":"r.example/w","tag":"v2"}`, deployment, container("image"), "r.example/w:v2"},
		{`image={"repository":"r.example/w","tag":"v2","digest":"` + digest + `"}`, deployment, container("image"), "r.example/w@" + digest},
		{`image={"pullPolicy":"Always"}`, deployment, container("imagePullPolicy"), "Always"},
		{`imagePullSecrets=[{"name":"regcred"}]`, deployment, pod("imagePullSecrets"), []any{map[string]any{"name": "regcred"}}},
		{`resources={"limits":{"memory":"1Gi","cpu":2}}`, deployment, container("resources", "limits"), map[string]any{"memory": "1Gi", "cpu": 2.0}},
		{`probes={"readiness":{"timeoutSeconds":3}}`, deployment, container("readinessProbe", "timeoutSeconds"), 3.0},
		{`probes={"liveness":{"failureThreshold":9}}`, deployment, container("livenessProbe", "failureThreshold"), 9.0},
		{`terminationGracePeriodSeconds=90`, deployment, pod("terminationGracePeriodSeconds"), 90.0},
		{`podDisruptionBudget={"maxUnavailable":"50%"}`, "PodDisruptionBudget istio-system/wasmer", []any{"spec", "maxUnavailable"}, "50%"},
		{`podDisruptionBudget={"enabled":false}`, "PodDisruptionBudget istio-system/wasmer", nil, nil},
		{`topologySpread={"whenUnsatisfiable":"DoNotSchedule"}`, deployment, pod("topologySpreadConstraints", 0, "whenUnsatisfiable"), "DoNotSchedule"},
		{`topologySpread={"topologyKey":"topology.kubernetes.io/zone"}`, deployment, pod("topologySpreadConstraints", 0, "matchLabelKeys"), []any{"pod-template-hash"}},
		{`topologySpread={"enabled":false}`, deployment, pod("topologySpreadConstraints"), nil},
		{`nodeSelector={"disk":"ssd"}`, deployment, pod("nodeSelector", "disk"), "ssd"},
		{`tolerations=[{"operator":"Exists"}]`, deployment, pod("tolerations", 0, "operator"), "Exists"},
		{`priorityClassName=""`, deployment, pod("priorityClassName"), nil},
		{`podAnnotations={"a":"b"}`, deployment, []any{"spec", "template", "metadata", "annotations", "a"}, "b"},
		{`store={"sizeLimit":"4Gi"}`, deployment, pod("volumes", 0, "emptyDir", "sizeLimit"), "4Gi"},
		{`flowSchema={"priorityLevel":"system"}`, "FlowSchema <nil>/wasmer", []any{"spec", "priorityLevelConfiguration", "name"}, "system"},
		{`flowSchema={"enabled":false}`, "FlowSchema <nil>/wasmer", nil, nil},
		{`crds={"keep":false}`, "CustomResourceDefinition <nil>/autowasms.wasm.tcm.io", []any{"metadata", "annotations", "helm.sh/resource-policy"}, nil},
		{`crds={"keep":true}`, "CustomResourceDefinition <nil>/autowasms.wasm.tcm.io", []any{"metadata", "annotations", "helm.sh/resource-policy"}, "keep"},
		{`certs={"mode":"cert-manager"}`, "Secret istio-system/wasmer-webhook-ca", nil, nil},
		{`crds={"install":false}`, "CustomResourceDefinition <nil>/autowasms.wasm.tcm.io", nil, nil},
		{`flags={"webhook":false}`, "ValidatingWebhookConfiguration <nil>/wasmer", nil, nil},
		{`flags={"webhook":false}`, "MutatingWebhookConfiguration <nil>/wasmer", nil, nil},
		{`flags={"istio-root-namespace":"mesh"}`, "ValidatingAdmissionPolicy <nil>/wasmer-self", []any{"spec", "matchConstraints", "namespaceSelector", "matchExpressions", 0, "values"}, []any{"istio-system", "mesh"}},
		{`flags={"istio-root-namespace":"mesh"}`, "ValidatingAdmissionPolicy <nil>/wasmer-mesh-wide", []any{"spec", "matchConstraints", "namespaceSelector", "matchExpressions", 0, "values"}, []any{"mesh"}},
		{`certs={"mode":"files","secretName":"tls","caBundle":"PEM"}`, "ValidatingWebhookConfiguration <nil>/wasmer", []any{"webhooks", 0, "clientConfig", "caBundle"}, "UEVN"},
		{`certs={"mode":"files","secretName":"tls"}`, deployment, pod("volumes", 2, "secret", "secretName"), "tls"},
		{`extraCAs={"configMap":"corporate","key":"roots.pem"}`, deployment, pod("volumes", 2, "configMap", "name"), "corporate"},
		{`networkPolicy={"enabled":true,"apiServerCIDRs":["10.0.0.1/32"]}`, "NetworkPolicy istio-system/wasmer", []any{"spec", "policyTypes"}, []any{"Ingress"}},
		{`networkPolicy={"enabled":true,"apiServerCIDRs":["10.0.0.1/32"],"metricsFrom":[{"podSelector":{}}]}`, "NetworkPolicy istio-system/wasmer", []any{"spec", "ingress", 2, "from"}, []any{map[string]any{"podSelector": map[string]any{}}}},
		{`podMonitor={"enabled":true,"labels":{"release":"p"}}`, "PodMonitor istio-system/wasmer", []any{"metadata", "labels", "release"}, "p"},
		{`podMonitor={"enabled":true}`, deployment, []any{"spec", "template", "metadata", "annotations", "prometheus.io/scrape"}, nil},
		{`prometheusRule={"enabled":true}`, "PrometheusRule istio-system/wasmer", []any{"spec", "groups", 0, "name"}, "wasmer"},
		{`prometheusRule={"enabled":true}`, "PrometheusRule istio-system/wasmer", []any{"spec", "groups", 0, "rules", 10, "alert"}, "WasmerCertificateNotTrusted"},
		{`dashboard={"enabled":true}`, "ConfigMap istio-system/wasmer-dashboard", []any{"metadata", "labels", "grafana_dashboard"}, "1"},
		{`dashboard={"enabled":true,"annotations":{"grafana_folder":"Istio"}}`, "ConfigMap istio-system/wasmer-dashboard", []any{"metadata", "annotations", "grafana_folder"}, "Istio"},
		{`dashboard={"enabled":false}`, "ConfigMap istio-system/wasmer-dashboard", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			object := rendered(t, test.value)[test.object]
			if object == nil && test.want != nil {
				t.Fatalf("there is no %s", test.object)
			}
			if test.path == nil {
				if object != nil {
					t.Errorf("there is still %s", test.object)
				}
				return
			}
			if diff := cmp.Diff(test.want, field(any(object), test.path...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlags: those that are set come as arguments, each type as wasmer reads it, and what is not set does not.
func TestFlags(t *testing.T) {
	t.Parallel()
	got := field(any(rendered(t,
		`flags={"max-store-bytes":32000000000,"stage":false,"budget":"2s","allow-hosts":["r.example","*.bucket.example"],"deny-cidrs":[],"base-url":""}`,
		`extraCAs={"configMap":"corporate"}`)[deployment]), "spec", "template", "spec", "containers", 0, "args")
	want := []any{
		"--store-dir=/var/lib/wasmer",
		"--allow-hosts=r.example,*.bucket.example",
		"--budget=2s",
		"--max-store-bytes=32000000000",
		"--stage=false",
		"--istiod-token-file=/var/run/secrets/istiod/token",
		"--istiod-ca-file=/var/run/secrets/istiod/root-cert.pem",
		"--ca-file=/etc/wasmer/extra-cas/ca.crt",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrustIsAnAlertWhereItIsKnown: without a caBundle the API server trusts its system's authorities, which wasmer
// does not know.
func TestTrustIsAnAlertWhereItIsKnown(t *testing.T) {
	t.Parallel()
	rule := rendered(t, `prometheusRule={"enabled":true}`, `certs={"mode":"files","secretName":"tls"}`)["PrometheusRule istio-system/wasmer"]
	alerts, _ := field(any(rule), "spec", "groups", 0, "rules").([]any)
	for _, alert := range alerts {
		if field(alert, "alert") == "WasmerCertificateNotTrusted" {
			t.Errorf("an alert that always fires: %v", alert)
		}
	}
	if len(alerts) == 0 {
		t.Error("there are no alerts")
	}
}

// TestTheDashboardIsWhole: nothing of it is taken for a template.
func TestTheDashboardIsWhole(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join(chartDir(), "files", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	board := rendered(t, `dashboard={"enabled":true}`)["ConfigMap istio-system/wasmer-dashboard"]
	got, _ := field(any(board), "data", "wasmer.json").(string)
	if diff := cmp.Diff(strings.TrimSpace(string(want)), strings.TrimSpace(got)); diff != "" {
		t.Errorf("(-file +ConfigMap):\n%s", diff)
	}
}

// TestEgress: what wasmer calls is in the policy, by port.
func TestEgress(t *testing.T) {
	t.Parallel()
	policy := rendered(t, `networkPolicy={"enabled":true,"apiServerCIDRs":["10.0.0.1/32"],"egress":{"enabled":true}}`)["NetworkPolicy istio-system/wasmer"]
	rules, _ := field(any(policy), "spec", "egress").([]any)
	var got []any
	for _, rule := range rules {
		ports, _ := field(rule, "ports").([]any)
		for _, port := range ports {
			got = append(got, field(port, "port"))
		}
	}
	want := []any{53.0, 53.0, 443.0, 6443.0, 15090.0, 15012.0, "http-modules", 443.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}
