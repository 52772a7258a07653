// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The manifests of the tutorial that this API comes from.
const (
	tutorialRegistry = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata:
  name: test
  namespace: default
spec:
  filter:
    applyPorts:
      - 9080
    rootID: test
    source:
      registry:
        image: ccr.ccs.tencentyun.com/xxx/wasm-add-header:v0.3
    vmID: test
  secret: test # Image registry's secret
  selector:
    matchLabels:
      app: details
`
	tutorialObject = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata:
  name: test
  namespace: default
spec:
  filter:
    applyPorts:
      - 9080
    rootID: test
    source:
      object:
        url: https://aaaa.com/bbb
    vmID: test
  selector:
    matchLabels:
      app: details
`
)

func TestTutorialApplies(t *testing.T) {
	s := newServer(t)
	for name, manifest := range map[string]string{"registry": tutorialRegistry, "object": tutorialObject} {
		t.Run(name, func(t *testing.T) {
			got := s.create(t, parse(t, manifest))
			if diff := cmp.Diff(answer{}, got, cmpopts.IgnoreUnexported(answer{})); diff != "" {
				t.Errorf("%s\n%q", diff, got.messages)
			}
		})
	}
}

// table prints an object as kubectl get gets it from the API server; wide adds what -o wide adds.
func table(t *testing.T, s *server, object map[string]any, wide bool) (headers []string, cells []any) {
	t.Helper()
	convertor, err := tableconvertor.New(s.Definition.Spec.Versions[0].AdditionalPrinterColumns)
	if err != nil {
		t.Fatal(err)
	}
	got, err := convertor.ConvertToTable(t.Context(), &unstructured.Unstructured{Object: object}, &metav1.TableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range got.ColumnDefinitions {
		if wide || column.Priority == 0 {
			headers, cells = append(headers, column.Name), append(cells, got.Rows[0].Cells[i])
		}
	}
	return headers, cells
}

// kubectl prints the headers in upper case: NAME SECRET MATCH SOURCE APPLYPORTS TIME PHASE.
func TestTutorialTable(t *testing.T) {
	s := newServer(t)
	object := parse(t, tutorialRegistry)
	object["metadata"].(map[string]any)["creationTimestamp"] = "2021-10-27T10:00:36Z"
	object["status"] = map[string]any{"phase": "Synced"}
	headers, cells := table(t, s, object, false)
	if diff := cmp.Diff([]string{"Name", "Secret", "Match", "Source", "ApplyPorts", "Time", "Phase"}, headers); diff != "" {
		t.Error(diff)
	}
	want := []any{
		"test", "test", `{"app":"details"}`,
		`{"registry":{"image":"ccr.ccs.tencentyun.com/xxx/wasm-add-header:v0.3"}}`,
		`[9080]`, "2021-10-27T10:00:36Z", "Synced",
	}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Error(diff)
	}
}

// kubectl get -o wide adds what an operator asks first. Columns of the tutorial stay in front of it.
func TestWideTable(t *testing.T) {
	s := newServer(t)
	object := parse(t, tutorialRegistry)
	object["metadata"].(map[string]any)["creationTimestamp"] = time.Now().Add(-150 * time.Minute).UTC().Format(time.RFC3339)
	object["status"] = map[string]any{
		"phase": "Failed", "proxies": map[string]any{"running": int64(2), "selected": int64(3)},
		"conditions": []any{
			map[string]any{"type": "Stalled", "status": "True", "reason": "Other"},
			map[string]any{"type": "Ready", "status": "False", "reason": "ProxyStartFailed"},
		},
	}
	narrow, _ := table(t, s, object, false)
	headers, cells := table(t, s, object, true)
	if diff := cmp.Diff(append(narrow, "Ready", "Reason", "Running", "Selected", "Age"), headers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"False", "ProxyStartFailed", int64(2), int64(3), "150m"}, cells[len(narrow):]); diff != "" {
		t.Error(diff)
	}
}

// What is absent leaves its cell empty.
func TestTableOfAMinimalObject(t *testing.T) {
	s := newServer(t)
	object := object(t)
	s.create(t, object)
	_, cells := table(t, s, object, false)
	want := []any{"test", nil, nil, `{"registry":{"image":"reg.example/filter:v1"}}`, nil, nil, nil}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Error(diff)
	}
}
