// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/internal/fairness"
)

// stubSchemas has a schema for every module.
type stubSchemas struct {
	schema string
	err    error
}

func (s stubSchemas) Schema(string) (*configschema.Schema, error) {
	if s.schema == "" {
		return nil, s.err
	}
	return configschema.Parse([]byte(s.schema))
}

func configured(config string) change {
	return filter(func(f *v1alpha1.Filter) { f.Config = &apiextensionsv1.JSON{Raw: []byte(config)} })
}

const keySchema = `{"type":"object","required":["keys"],"properties":{"keys":{"type":"array","items":{"type":"string","minLength":6}},"mode":{"enum":["a"]}}}`

// validatingValidator is a validator that validates configurations by schemas.
func validatingValidator(schemas Schemas, mode SourceCheck) (*validator, *stagings) {
	v, staged := testValidator(&stubFetcher{}, Enforce)
	v.schema = schemaCheck{schemas: schemas, mode: mode, limiter: fairness.NewLimiter(maxValidations)}
	return v, staged
}

// TestSchemas: what the schema in the module refuses is denied by its field; what is wrong with the schema denies nothing.
func TestSchemas(t *testing.T) {
	keys := stubSchemas{schema: keySchema}
	short := `spec.filter.config.keys[1]: Invalid value: must have at least 6 characters, not 1, by the schema in the module`
	for name, tt := range map[string]struct {
		schemas Schemas
		mode    SourceCheck
		config  string
		want    answer
	}{
		"accepted":          {keys, Enforce, `{"keys":["secret"]}`, answer{}},
		"refused":           {keys, Enforce, `{"keys":["secret","b"]}`, answer{Denied: short}},
		"refused, by flag":  {keys, "", `{"keys":["secret","b"]}`, answer{Denied: short}},
		"refused in a text": {keys, Enforce, `"{\"keys\":[\"secret\",\"b\"]}"`, answer{Denied: short}},
		"refused, warned of": {keys, Warn, `{"keys":["secret","b"]}`, answer{Warnings: []string{
			"spec.filter.config.keys[1]: Invalid value: must have at least 6 characters, not 1, by the schema in the module"}}},
		"not validated": {keys, Off, `{"keys":1}`, answer{}},
		"a typo": {keys, Enforce, `{"keys":[],"kyes":[]}`, answer{Warnings: []string{
			`unknown field "spec.filter.config.kyes": the schema in the module does not list it`}}},
		"no schema": {stubSchemas{}, Enforce, `{"keys":1}`, answer{}},
		"no module": {stubSchemas{err: fmt.Errorf("open: %w", fs.ErrNotExist)}, Enforce, `{"keys":1}`, answer{}},
		"no usable schema": {stubSchemas{err: errors.New("the schema in the module cannot be used:\nwhy")}, Enforce, `{"keys":1}`, answer{Warnings: []string{
			"the schema in the module cannot be used: why"}}},
	} {
		t.Run(name, func(t *testing.T) {
			v, staged := validatingValidator(tt.schemas, tt.mode)
			got := answerOf(t, v, admissionv1.Create, nil, autoWasm(configured(tt.config)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if denied := tt.want.Denied != ""; denied != (len(*staged) == 0) {
				t.Errorf("denied %v, staged %v", denied, *staged)
			}
		})
	}
}

// TestSchemasOfUpdates: an update is answerable for what it changes.
func TestSchemasOfUpdates(t *testing.T) {
	bad := configured(`{"keys":1}`)
	for name, tt := range map[string]struct {
		old, changed *v1alpha1.AutoWasm
		denied       bool
	}{
		"other ports":    {autoWasm(bad), autoWasm(bad, withPorts(8080)), false},
		"another module": {autoWasm(bad), autoWasm(bad, image("reg.example/other:v1")), true},
		"another config": {autoWasm(configured(`{"keys":[]}`)), autoWasm(bad), true},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := validatingValidator(stubSchemas{schema: keySchema}, Enforce)
			got := answerOf(t, v, admissionv1.Update, tt.old, tt.changed)
			if denied := got.Denied != ""; denied != tt.denied || !denied && len(got.Warnings) != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestWhatASchemaRefusesIsForbidden: it comes of the module, so it is no 422, and every field is a cause.
func TestWhatASchemaRefusesIsForbidden(t *testing.T) {
	v, _ := validatingValidator(stubSchemas{schema: keySchema}, Enforce)
	answered := v.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm(configured(`{"keys":["immutable"],"mode":"b"}`))))
	if answered.Result.Code != http.StatusForbidden {
		t.Errorf("code %d", answered.Result.Code)
	}
	answered = v.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm(configured(`{"keys":["a"],"mode":"b"}`))))
	var fields []string
	for _, cause := range answered.Result.Details.Causes {
		fields = append(fields, cause.Field)
	}
	if diff := cmp.Diff([]string{"spec.filter.config.keys[0]", "spec.filter.config.mode"}, fields); diff != "" {
		t.Error(diff)
	}
}

// slowSchemas takes a while to read a schema.
type slowSchemas struct {
	Schemas
	after time.Duration
}

func (s slowSchemas) Schema(sha256 string) (*configschema.Schema, error) {
	time.Sleep(s.after)
	return s.Schemas.Schema(sha256)
}

// brokenSchemas panics at each schema.
type brokenSchemas struct{}

func (brokenSchemas) Schema(string) (*configschema.Schema, error) { panic("a mistake") }

// TestAValidationPanics: that is no reason against the object, and the next one has its place.
func TestAValidationPanics(t *testing.T) {
	v, _ := validatingValidator(brokenSchemas{}, Enforce)
	want := answer{Warnings: []string{"spec.filter.config is not validated: internal error: a mistake"}}
	for range maxValidations + 1 {
		got := answerOf(t, v, admissionv1.Create, nil, autoWasm(configured(`{"keys":1}`)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestValidationsOfOneNamespace leave room for those of another, and no admission waits for long.
func TestValidationsOfOneNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := validatingValidator(slowSchemas{stubSchemas{schema: keySchema}, 300 * time.Millisecond}, Enforce)
		v.stage = func(context.Context, request, fetch.Module, *response) {}
		outcomes := map[string]int{}
		var mu sync.Mutex
		var running sync.WaitGroup
		for n := range 20 {
			namespace := []string{"much", "little"}[n/18]
			running.Go(func() {
				began := time.Now()
				resp := v.Handle(t.Context(), namedIn(t, namespace, n))
				if took := time.Since(began); took > validationWait+time.Second/2 {
					t.Errorf("answered after %s", took)
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[namespace+" "+resp.AuditAnnotations[auditSchema]]++
				if resp.AuditAnnotations[auditSchema] == string(v1alpha1.ReasonPending) && (!resp.Allowed || resp.Warnings[0] != errValidationsBusy.Error()) {
					t.Errorf("%+v", resp)
				}
			})
			synctest.Wait()
		}
		running.Wait()
		want := map[string]int{"much ConfigRefused": 4, "much Pending": 14, "little ConfigRefused": 2}
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	})
}
