// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/internal/failure"
)

// stubSchemas are the schemas of modules by their sha256, and what keeps them from being used.
type stubSchemas struct {
	schemas map[string]string
	err     error
	reads   int
}

func (s *stubSchemas) Schema(sha256 string) (*configschema.Schema, error) {
	s.reads++
	if s.err != nil || s.schemas[sha256] == "" {
		return nil, s.err
	}
	return configschema.Parse([]byte(s.schemas[sha256]))
}

// validateConfigs has the harness read the schemas of modules.
func (h *harness) validateConfigs(schemas Schemas) {
	h.options.Schemas = schemas
	h.start()
}

func withConfig(raw string) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Config = &apiextensionsv1.JSON{Raw: []byte(raw)} }
}

// requireConfigValid compares the condition, "" for none, as "status reason: message".
func (h *harness) requireConfigValid(want string) {
	h.t.Helper()
	got := ""
	if c := meta.FindStatusCondition(h.autoWasm().Status.Conditions, v1alpha1.ConditionConfigValid); c != nil {
		got = fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		if c.ObservedGeneration != h.autoWasm().Generation {
			h.t.Errorf("it is of generation %d", c.ObservedGeneration)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.t.Errorf("ConfigValid (-want +got):\n%s", diff)
	}
}

const (
	numberSchema = `{"type":"object","required":["limit"],"properties":{"limit":{"type":"integer"}}}`
	accepted     = "True ConfigAccepted: the schema in the module accepts spec.filter.config"
	refused      = "False ConfigRefused: spec.filter.config.limit: Invalid value: must be an integer, not a string, by the schema in the module"
)

// TestConfigValid: what the schema in the module says is in the status, also of an AutoWasm that no webhook has seen, and
// changes nothing else. It is read once for a generation, also after a restart.
func TestConfigValid(t *testing.T) {
	numbers := map[string]string{shaA: numberSchema}
	for name, tt := range map[string]struct {
		schemas *stubSchemas
		config  string
		want    string
		again   int // reads after a restart
	}{
		"accepted":       {&stubSchemas{schemas: numbers}, `{"limit":1}`, accepted, 0},
		"refused":        {&stubSchemas{schemas: numbers}, `{"limit":"a"}`, refused, 0},
		"a typo":         {&stubSchemas{schemas: numbers}, `{"limit":1,"limits":2}`, accepted + "; it does not list spec.filter.config.limits", 0},
		"no schema":      {&stubSchemas{}, `{"limit":"a"}`, "", 1},
		"unusable":       {&stubSchemas{err: errors.New("the schema in the module cannot be used: why")}, "1", "Unknown SchemaNotUsed: the schema in the module cannot be used: why", 0},
		"no module":      {&stubSchemas{err: fmt.Errorf("open: %w", fs.ErrNotExist)}, "1", "", 1},
		"cannot be read": {&stubSchemas{err: failure.Transientf(v1alpha1.ReasonStoreFailed, "too many open files")}, "1", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm(withConfig(tt.config)))
			h.validateConfigs(tt.schemas)
			h.mustReconcile()
			h.requireConfigValid(tt.want)
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")
			h.forgetWrites()
			h.start()
			before := tt.schemas.reads
			h.mustReconcile()
			if again := tt.schemas.reads - before; again != tt.again || len(h.writes) > 0 {
				t.Errorf("%d reads; writes %v", again, h.writes)
			}
		})
	}
}

// TestConfigValidFollows: an edit of the configuration, another module behind the tag, and none that reads schemas any more.
func TestConfigValidFollows(t *testing.T) {
	h := newHarness(t, autoWasm(withConfig(`{"limit":1}`), image(imageV1, v1alpha1.PullAlways)))
	h.validateConfigs(&stubSchemas{schemas: map[string]string{shaA: numberSchema, shaB: `{"type":"string"}`}})
	h.mustReconcile()
	h.requireConfigValid(accepted)
	h.edit(func(aw *v1alpha1.AutoWasm) { withConfig(`{"limit":"a"}`)(aw); generation(2)(aw) })
	h.mustReconcile()
	h.requireConfigValid(refused)
	h.sources.modules[imageV1] = fetched(shaB)
	h.mustReconcile()
	h.requireConfigValid(refused) // the tag moved, the module did not
	h.edit(func(aw *v1alpha1.AutoWasm) { withConfig(`{"limit":"b"}`)(aw); generation(3)(aw) })
	h.mustReconcile()
	h.requireConfigValid("False ConfigRefused: spec.filter.config: Invalid value: must be a string, not an object, by the schema in the module")
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.validateConfigs(nil)
	h.mustReconcile()
	h.requireConfigValid("")
}

// TestConfigValidIsNotNews: a status that is written for it alone is the only write.
func TestConfigValidIsNotNews(t *testing.T) {
	h := newHarness(t, autoWasm(withConfig(`{"limit":"a"}`)))
	h.mustReconcile()
	h.forgetWrites()
	h.validateConfigs(&stubSchemas{schemas: map[string]string{shaA: numberSchema}})
	h.mustReconcile()
	if c := h.autoWasm().Status.Conditions[0]; c.Type != v1alpha1.ConditionReady || c.Status != metav1.ConditionTrue {
		t.Errorf("%+v", c)
	}
	if len(h.writes) != 1 {
		t.Errorf("writes %v", h.writes)
	}
	h.requireConfigValid(refused)
}
