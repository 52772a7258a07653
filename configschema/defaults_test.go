// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDefaultsAreAssumed: a configuration is valid as it is written, or with what the filter assumes.
func TestDefaultsAreAssumed(t *testing.T) {
	const (
		required = `{"required":["a"],"properties":{"a":{"type":"string","default":"x"},"b":{"type":"integer"}}}`
		either   = `{"oneOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{"default":"d"},"b":{}}}`
		kinds    = `{"properties":{"kind":{"default":"basic"},"user":{},"token":{}},"oneOf":[
			{"properties":{"kind":{"enum":["basic"]}},"required":["user"]},
			{"properties":{"kind":{"enum":["token"]}},"required":["token"]}]}`
		nested = `{"required":["a"],"properties":{"a":{"default":{},"required":["b"],"properties":{"b":{"default":"x"}}}}}`
	)
	tests := []struct {
		name, schema, value string
		want                []string
	}{
		{"required", required, `{}`, nil},
		{"no configuration", required, ``, nil},
		{"in a string", required, `"{}"`, nil},
		{"beside another mistake", required, `{"b":"y"}`, []string{"config.b: Invalid value: must be an integer, not a string"}},
		{"that is set", required, `{"a":1}`, []string{"config.a: Invalid value: must be a string, not a number"}},
		{"null is not absent", required, `{"a":null}`, []string{"config.a: Invalid value: must be a string, not null"}},
		{"required by oneOf", either, `{}`, nil},
		{"excluded by oneOf", either, `{"b":1}`, nil},
		{"excluded by oneOf, with another mistake", strings.Replace(either, `"b":{}`, `"b":{"type":"string"}`, 1), `{"b":1}`, []string{
			"config.b: Invalid value: must be a string, not a number"}},
		{"tells alternatives apart", kinds, `{"user":"u","token":"t"}`, nil},
		{"tells alternatives apart, but is not written", kinds, `{"token":"t"}`, nil},
		{"counts", `{"minProperties":2,"properties":{"a":{"default":1},"b":{"default":2}}}`, `{}`, nil},
		{"need not count", `{"maxProperties":1,"properties":{"a":{"default":1}}}`, `{"b":1}`, []string{"unknown config.b"}},
		{"within a default", nested, `{}`, nil},
		{"within what is set", nested, `{"a":{}}`, nil},
		{"below items and maps", `{"items":{"additionalProperties":` + required + `}}`, `[{"k":{}},{"l":{"a":"y"}}]`, nil},
		{"below allOf", `{"required":["a"],"allOf":[{"properties":{"a":{"default":1}}}]}`, `{}`, nil},
		{"of an alternative counts for none", `{"required":["a"],"anyOf":[{"properties":{"a":{"default":1}}}]}`, `{}`, []string{
			"config.a: Required value: must be set"}},
		{"of null", `{"required":["a"],"properties":{"a":{"default":null,"nullable":true}}}`, `{}`, []string{"config.a: Required value: must be set"}},
		{"that is invalid itself", `{"required":["a"],"properties":{"a":{"type":"integer","default":"5"}}}`, `{}`, []string{
			"config.a: Required value: must be set"}},
		{"that is invalid, and not required", `{"properties":{"a":{"type":"integer","default":"5"},"b":{"type":"string"}}}`, `{"b":1}`, []string{
			"config.b: Invalid value: must be a string, not a number"}},
		{"of the configuration", `{"type":"object","required":["a"],"default":{"a":1}}`, ``, nil},
		{"of the configuration, which is invalid", `{"type":"object","required":["a"],"default":{"b":1}}`, ``, []string{
			"config.a: Required value: must be set"}},
		{"of the configuration, where there is one", `{"type":"object","required":["a"],"default":{"a":1}}`, `{}`, []string{
			"config.a: Required value: must be set"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, found(t, tt.schema, tt.value)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDefaultsStayTheirs: a schema is used concurrently, and no validation changes its defaults.
func TestDefaultsStayTheirs(t *testing.T) {
	s := mustParse(t, `{"required":["a"],"properties":{"a":{"default":{"l":[{}]},"required":["b"],"properties":{
		"b":{"default":"x"},"l":{"items":{"required":["c"],"properties":{"c":{"default":1}}}}}}}}`)
	before, _ := json.Marshal(s.Source())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if result, err := s.Validate([]byte("{}"), config); err != nil || len(result.Errors) > 0 {
				t.Error(result, err)
			}
		})
	}
	all.Wait()
	if after, _ := json.Marshal(s.Source()); string(after) != string(before) {
		t.Errorf("%s, before: %s", after, before)
	}
}

// TestDefaultsAreBounded: what they add to a configuration is counted as what is written.
func TestDefaultsAreBounded(t *testing.T) {
	large := "[" + strings.Repeat("{},", 10_000) + "{}]"
	var names strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&names, `"key%d":1,`, i)
	}
	tests := []struct{ name, schema, value string }{
		{"in many items", `{"items":{"required":["a"],"properties":{"a":{"default":"5"},"b":{"required":["c"]}}}}`, `[{"b":{}},` + strings.Repeat("{},", 80_000) + "{}]"},
		{"large ones in many items", `{"items":{"required":["a"],"properties":{"a":{"default":` + large + `,"items":{"properties":{"b":{"default":1}}}}}}}`, large},
		{"many names", `{"required":["b"],"allOf":[` + strings.Repeat(`{"properties":{"a":{"default":1}}},`, 1500) + `{}]}`, "{" + names.String() + `"a":1}`},
		{"deep ones", `{"minItems":20000` + strings.Repeat(`,"items":{"properties":{"a":{"default":[{}]`, 14) + strings.Repeat("}}}", 14) + "}", large},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustParse(t, tt.schema)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := s.Validate([]byte(tt.value), config)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%v, %d KiB", took, allocated>>10)
			if !errors.Is(err, ErrTooCostly) || took > 3*time.Second || allocated > 64<<20 {
				t.Errorf("took %v and %d KiB: %v", took, allocated>>10, err)
			}
		})
	}
}
