// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/render"
)

// byHand is an EnvoyFilter as AutoWasm renders it, with what a test says otherwise.
type byHand struct {
	name     string
	workload *Workload
	server   *moduleServer
	module   []byte
	policy   v1alpha1.FailurePolicy
	retries  int    // in place of the rendered ones, when it is not 0
	vmID     string // in place of the rendered one, when it is not ""
	pace     int    // how many times faster than rendered retries follow each other; 0 is as rendered
}

// apply applies it and deletes it after the test.
func (f byHand) apply(t *testing.T) {
	t.Helper()
	manifest, err := json.Marshal(f.render(t))
	if err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, namespace, string(manifest), "--server-side", "--force-conflicts")
	t.Cleanup(func() { f.delete(t) })
}

func (f byHand) delete(t *testing.T) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, "delete", "envoyfilter", f.name, "-n", namespace, "--ignore-not-found"); err != nil {
		t.Error(err)
	}
}

func (f byHand) render(t testing.TB) map[string]any {
	t.Helper()
	aw := &v1alpha1.AutoWasm{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: f.name}}
	aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": v1alpha1.LabelValue(f.workload.Name)}
	aw.Spec.Filter.ApplyPorts = []v1alpha1.Port{InboundPort}
	aw.Spec.Filter.FailurePolicy = f.policy
	options := render.Options{Cluster: f.server.Cluster, BaseURL: f.server.BaseURL}
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: suite.SHA256(f.module)}, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range ef.Object["spec"].(map[string]any)["configPatches"].([]any) {
		if f.vmID != "" {
			vmConfig(patch)["vmId"] = f.vmID
		}
		if f.retries != 0 {
			retryPolicy(patch)["numRetries"] = f.retries
		}
		if f.pace > 0 {
			f.hasten(t, patch)
		}
	}
	return ef.Object
}

// hasten shortens the waits between retries.
func (f byHand) hasten(t testing.TB, patch any) {
	t.Helper()
	backOff := retryPolicy(patch)["retryBackOff"].(map[string]any)
	for key, value := range backOff {
		wait, err := time.ParseDuration(value.(string))
		if err != nil {
			t.Fatal(err)
		}
		backOff[key] = fmt.Sprintf("%gs", (wait / time.Duration(f.pace)).Seconds())
	}
}

// vmConfig is the part of a patch that is about the virtual machine.
func vmConfig(patch any) map[string]any {
	return within(patch, "patch", "value", "typedConfig", "config", "vmConfig")
}

// retryPolicy is the part of a patch that is about loads that failed.
func retryPolicy(patch any) map[string]any {
	return within(vmConfig(patch), "code", "remote", "retryPolicy")
}

func within(object any, path ...string) map[string]any {
	at := object.(map[string]any)
	for _, key := range path {
		at = at[key].(map[string]any)
	}
	return at
}
