// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongValuesAreRefusedByName: a typo, a wrong type, a value out of range.
func TestWrongValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, want string }{
		{`replica=3`, "'replica' not allowed"},
		{`image={"name":"x"}`, "'name' not allowed"},
		{`image={"digest":"sha256:abc"}`, "at '/image/digest'"},
		{`image={"repository":"a b"}`, "at '/image/repository'"},
		{`image={"pullPolicy":"always"}`, "at '/image/pullPolicy'"},
		{`imagePullSecrets=["regcred"]`, "at '/imagePullSecrets/0'"},
		{`replicas="two"`, "at '/replicas'"},
		{`replicas=0`, "at '/replicas'"},
		{`flags={"budgett":"3s"}`, "'budgett' not allowed"},
		{`flags={"budget":"3 seconds"}`, "at '/flags/budget'"},
		{`flags={"budget":3}`, "at '/flags/budget'"},
		{`flags={"stage":"no"}`, "at '/flags/stage'"},
		{`flags={"allow-hosts":"registry.example"}`, "at '/flags/allow-hosts'"},
		{`flags={"source-check":"enforce"}`, "at '/flags/source-check'"},
		{`flags={"cert-mode":"files"}`, "'cert-mode' not allowed"},
		{`certs={"mode":"certmanager"}`, "at '/certs/mode'"},
		{`secrets={"access":"None"}`, "at '/secrets/access'"},
		{`secrets={"namespaces":["*"]}`, "at '/secrets/namespaces/0'"},
		{`resources={"limit":{"memory":"1Gi"}}`, "'limit' not allowed"},
		{`probes={"liveness":{"period":1}}`, "'period' not allowed"},
		{`podDisruptionBudget={"maxUnavailable":0}`, "at '/podDisruptionBudget/maxUnavailable'"},
		{`topologySpread={"whenUnsatisfiable":"Maybe"}`, "at '/topologySpread/whenUnsatisfiable'"},
		{`tolerations=[{"operater":"Exists"}]`, "'operater' not allowed"},
		{`networkPolicy={"enabled":true,"apiServerCIDRs":["10.0.0.1"]}`, "at '/networkPolicy/apiServerCIDRs/0'"},
		{`flowSchema={"matchingPrecedence":0}`, "at '/flowSchema/matchingPrecedence'"},
		{`crds={"enabled":false}`, "'enabled' not allowed"},
		{`store={"sizeLimit":"2 GB"}`, "at '/store/sizeLimit'"},
		// What a schema cannot say.
		{`certs={"mode":"files"}`, "set certs.secretName to the Secret with tls.crt and tls.key"},
		{`certs={"secretName":"tls"}`, "certs.secretName and certs.caBundle are for certs.mode files, and it is self"},
		{`networkPolicy={"enabled":true}`, "set networkPolicy.apiServerCIDRs to the API server's addresses"},
		{`flags={"leader-elect":false}`, "flags.leader-elect is false with 2 replicas"},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			if _, err := template(t, test.value); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestTheSchemaIsClosed: no object takes what has no name in the schema, but for maps with keys of the user's own, and
// every value says what it is for.
func TestTheSchemaIsClosed(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(checkout, filepath.FromSlash(schemaFile)))
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	requireClosed(t, "", schema)
	properties, err := parseSchema(raw)
	if err != nil || len(properties) < 20 {
		t.Fatalf("%d properties: %v", len(properties), err)
	}
	requireDescribed(t, properties)
}

func requireClosed(t *testing.T, path string, schema any) {
	t.Helper()
	fields, _ := schema.(map[string]any)
	if properties, ok := fields["properties"].(map[string]any); ok {
		if fields["additionalProperties"] != false {
			t.Errorf("%s takes properties that are not in the schema", path)
		}
		for name, property := range properties {
			requireClosed(t, path+"/"+name, property)
		}
	}
	if items, ok := fields["items"]; ok {
		requireClosed(t, path+"[]", items)
	}
	if fields["type"] == "object" && fields["properties"] == nil && fields["additionalProperties"] == nil && path != "/global" {
		t.Errorf("%s takes anything", path)
	}
}

func requireDescribed(t *testing.T, properties []property) {
	t.Helper()
	for _, p := range properties {
		if p.description == "" {
			t.Errorf("%s has no description", p.path)
		}
		requireDescribed(t, p.properties)
	}
}

// TestAnOlderKubernetesIsRefused: its API server has no ValidatingAdmissionPolicy of version v1.
func TestAnOlderKubernetesIsRefused(t *testing.T) {
	t.Parallel()
	_, err := helm.Template(t.Context(), chartDir(), "--kube-version=v1.29.9")
	if err == nil || !strings.Contains(err.Error(), "chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.29.9") {
		t.Errorf("got %v", err)
	}
}
