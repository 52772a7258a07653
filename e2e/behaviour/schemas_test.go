// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

const limitSchema = `{"type":"object","required":["limits"],"properties":{"limits":{"type":"array","items":{"type":"object",
	"properties":{"path":{"type":"string","pattern":"^/"},"perSecond":{"type":"integer","minimum":1}}}}}}`

func carrying(schema string) wasmtest.Option {
	return wasmtest.Custom(module.SchemaSection, []byte(schema))
}

// TestConfigSchemas: what the schema in a module refuses is denied by its fields, whatever kind of source the module comes from, also in
// a dry run and in an edit of the configuration alone; and nothing is left of it.
func TestConfigSchemas(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "limits:v1", carrying(limitSchema))
	inMap := wasmtest.Module(wasmtest.Salt(t.Name()+"map"), carrying(limitSchema))
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "limits"}, BinaryData: map[string][]byte{"filter.wasm": inMap}}
	if err := cluster.Client.Create(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	const wrong, wanted = `config: {limits: [{path: /, perSecond: 1}, {path: a, perSecond: 0}]}`, `config: {limits: [{path: /, perSecond: 1}]}`
	words := []string{
		"(Forbidden)", "spec.filter.config.limits[1].path: Invalid value: must match the regular expression ^/, by the schema in the module",
		"spec.filter.config.limits[1].perSecond: Invalid value: 0: must be at least 1, by the schema in the module",
	}
	for name, source := range map[string]string{
		"image":     suite.Image(ref),
		"object":    suite.Object(cluster.Object(t, "limits.wasm", wasmtest.Module(wasmtest.Salt(t.Name()), carrying(limitSchema))), ""),
		"configmap": suite.ConfigMap("limits", "filter.wasm"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := suite.Manifest{Name: name, Source: source, Filter: wrong}
			suite.Eventually(t, func(context.Context) error { // on a busy machine a fetch takes longer than an admission
				out, err := cluster.TryApply(t, ns, m.String(), "--dry-run=server")
				if err == nil || !strings.Contains(err.Error(), words[1]) {
					return fmt.Errorf("a dry run answers %q, %v", out.Stderr, err)
				}
				return nil
			})
			cluster.Refused(t, ns, m.String(), words...)
			requireNeverWas(t, ns, name)
		})
	}
	t.Run("edits", func(t *testing.T) {
		t.Parallel()
		m := suite.Manifest{Name: "edited", Source: suite.Image(ref), Filter: wanted}
		cluster.Apply(t, ns, m.String())
		cluster.WaitFor(t, ns, "edited", suite.Condition(v1alpha1.ConditionConfigValid, metav1.ConditionTrue, v1alpha1.ReasonConfigAccepted))
		const patch = `{"spec":{"filter":{"config":{"limits":null}}}}`
		for _, args := range [][]string{{"--dry-run=server"}, nil} {
			args = append([]string{"patch", "aw", "edited", "-n", ns, "--type=merge", "-p", patch}, args...)
			_, err := cluster.Kubectl(t.Context(), args...)
			if err == nil || !strings.Contains(err.Error(), "spec.filter.config.limits: Required value: must be set, by the schema in the module") {
				t.Errorf("%v answers %v", args, err)
			}
		}
		m.Filter = strings.Replace(wanted, "config: {", "config: {limit: 1, ", 1)
		out := cluster.Apply(t, ns, m.String())
		if !strings.Contains(out.Stderr, `unknown field "spec.filter.config.limit": the schema in the module does not list it`) {
			t.Errorf("a typo has the warnings %q", out.Stderr)
		}
	})
}

// TestSchemasThatCannotBeUsed deny nothing: the filter may work, and does here.
func TestSchemasThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "broken-schema:v1", carrying(`{"properties":{"a":{"$ref":"#/definitions/a"}}}`))
	out := cluster.Apply(t, ns, suite.Manifest{Name: "broken", Source: suite.Image(ref), Filter: "config: {a: 1}"}.String())
	if !strings.Contains(out.Stderr, "Warning: the schema in the module cannot be used: properties[a]: $ref is not supported: ") {
		t.Errorf("the apply has the warnings %q", out.Stderr)
	}
	aw := cluster.WaitFor(t, ns, "broken", suite.Condition(v1alpha1.ConditionConfigValid, metav1.ConditionUnknown, v1alpha1.ReasonSchemaNotUsed))
	if c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionConfigValid); !strings.HasSuffix(c.Message, "without references") {
		t.Errorf("it says %s", c.Message)
	}
	cluster.WaitPhase(t, ns, "broken", v1alpha1.PhaseSynced)
}

// TestSchemasThatCome: with a module that comes after its AutoWasm, or behind a tag that has moved. The status says what the schema
// refuses, and nothing that runs changes; an update that is not to blame is admitted with a warning.
func TestSchemasThatCome(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	refused := suite.Condition(v1alpha1.ConditionConfigValid, metav1.ConditionFalse, v1alpha1.ReasonConfigRefused)
	slow := holdSource(t, wasmtest.Module(wasmtest.Salt(t.Name()), carrying(limitSchema)))
	cluster.Apply(t, ns, suite.Manifest{Name: "late", Source: suite.Object(slow.url, ""), Filter: "config: {}"}.String())
	ref, _ := pushed(t, "moved-schema:v1", carrying(`{"type":"object"}`))
	m := suite.Manifest{Name: "moved", Source: "{registry: {pullPolicy: Always, image: \"" + ref + "\"}}", Filter: "config: {}"}
	cluster.Apply(t, ns, m.String())
	cluster.WaitFor(t, ns, "moved", suite.Condition(v1alpha1.ConditionConfigValid, metav1.ConditionTrue, v1alpha1.ReasonConfigAccepted))
	_, moved := pushed(t, "moved-schema:v1", carrying(limitSchema))
	slow.release()
	cluster.WaitFor(t, ns, "late", refused)
	cluster.WaitPhase(t, ns, "late", v1alpha1.PhaseSynced)
	if aw, err := cluster.AutoWasm(t.Context(), ns, "moved"); err != nil || aw.Generation != 1 || aw.Status.Module.SHA256 == suite.SHA256(moved) {
		t.Errorf("the tag moved, and so did the module: %+v, %v", aw.Status.Module, err)
	}
	m.Filter = "applyPorts: [9080], config: {}"
	if out := cluster.Apply(t, ns, m.String()); !strings.Contains(out.Stderr, "spec.filter.config.limits: Required value: must be set, by the schema in the module") {
		t.Errorf("the update of its ports has the warnings %q", out.Stderr)
	}
	cluster.WaitFor(t, ns, "moved", refused)
	requireNamed(t, ns, "moved", suite.SHA256(moved))
	m.Filter = "applyPorts: [9080], config: {limits: 1}"
	cluster.Refused(t, ns, m.String(), "spec.filter.config.limits: Invalid value: must be an array, not a number")
}
