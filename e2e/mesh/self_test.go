// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

// TestWasmersOwnPods are not selected without an annotation that says so.
func TestWasmersOwnPods(t *testing.T) {
	image := pushExample(t, "self")
	wasmer := autoWasm{name: "self", namespace: "istio-system", image: image, selector: "{matchLabels: {app.kubernetes.io/name: wasmer}}"}
	words := []string{
		"ValidatingAdmissionPolicy 'wasmer-self' with binding 'wasmer-self' denied request",
		"spec.selector.matchLabels: Forbidden: this selects wasmer's own pods, whose proxies would have to load the module through themselves",
		`set the annotation wasm.tcm.io/allow-self to "true" if that is wanted`,
	}
	suite.Eventually(t, func(context.Context) error {
		if _, err := cluster.TryApply(t, wasmer.namespace, wasmer.String(), "--dry-run=server"); err == nil {
			return fmt.Errorf("the policy is not in force yet")
		}
		return nil
	})
	cluster.Refused(t, wasmer.namespace, wasmer.String(), words...)
	everything := wasmer
	everything.selector = ""
	cluster.Refused(t, wasmer.namespace, everything.String(), words...)
	cluster.Refused(t, wasmer.namespace, strings.Replace(wasmer.String(), "annotations: {", `annotations: {wasm.tcm.io/allow-self: "yes", `, 1), words...)

	gateways := everything
	gateways.filter = "context: Gateway"
	permitted := strings.Replace(wasmer.String(), "annotations: {", `annotations: {wasm.tcm.io/allow-self: "true", `, 1)
	elsewhere := wasmer
	elsewhere.namespace = namespace
	for space, manifest := range map[string]string{"istio-system": permitted, "istio-system ": gateways.String(), namespace: elsewhere.String()} {
		cluster.Apply(t, strings.TrimSpace(space), manifest, "--dry-run=server")
	}
}
