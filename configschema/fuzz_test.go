// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"errors"
	"io"
	"testing"
)

// FuzzSchema gives schemas and configurations that others wrote: nothing panics, and what is accepted can be used.
func FuzzSchema(f *testing.F) {
	f.Add([]byte(keyAuth), []byte(`{"consumers":[{"name":"a!"}]}`))
	f.Add([]byte(explained), []byte(`"{}"`))
	f.Add([]byte(`{"oneOf":[{"not":{"enum":[1]}},{"multipleOf":0.1}]}`), []byte(`1e400`))
	f.Add([]byte(`{"pattern":"(a{2}){3}","uniqueItems":true}`), []byte(`[null,null]`))
	f.Add([]byte(`{"required":["a"],"default":{"a":1},"properties":{"a":{"default":[{}],"items":{"properties":{"b":{"default":1e30,"maximum":9007199254740993}}}}}}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, schema, value []byte) {
		s, err := Parse(schema)
		if (s == nil) != (err != nil) {
			t.Fatalf("%v, %v", s, err)
		}
		if err != nil {
			return
		}
		if err := errors.Join(s.Explain(io.Discard), s.ExplainRecursively(io.Discard)); err != nil {
			t.Error(err)
		}
		result, err := s.Validate(value, config)
		if errors.Is(err, ErrTooCostly) && len(value) < 100 && len(schema) < 100 {
			t.Error("a small one is too costly")
		}
		if len(result.Errors) > maxErrors || len(result.Unknown) > maxErrors {
			t.Errorf("%d errors, %d unknown fields", len(result.Errors), len(result.Unknown))
		}
	})
}
