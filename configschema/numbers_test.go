// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNumbers has the ones of which floats lose something.
func TestNumbers(t *testing.T) {
	const wide = "must be an integer of at most 64 bits, written in digits"
	tests := []struct{ name, schema, accepted, refused, want string }{
		{"a large multiple", `{"multipleOf":2}`, `10000000000`, `10000000001`, "10000000001: must be a multiple of 2"},
		{"a larger multiple", `{"multipleOf":3}`, `9223372036854775806`, `9223372036854775807`, "9223372036854775807: must be a multiple of 3"},
		{"a multiple of a fraction", `{"multipleOf":0.1}`, `123456789.1`, `123456789.15`, "1.2345678915e+08: must be a multiple of 0.1"},
		{"a multiple that was computed", `{"multipleOf":0.1}`, `0.30000000000000004`, `0.3000001`, "0.3000001: must be a multiple of 0.1"},
		{"an integer's multiple of a fraction", `{"multipleOf":0.5}`, `3`, `3.25`, "3.25: must be a multiple of 0.5"},
		{"a small fraction", `{"multipleOf":1}`, `0`, `1e-12`, "1e-12: must be a multiple of 1"},

		{"maximum", `{"maximum":9007199254740992}`, `9007199254740992`, `9007199254740993`, "9007199254740993: must be at most 9007199254740992"},
		{"exclusive maximum", `{"maximum":9007199254740993,"exclusiveMaximum":true}`, `9007199254740992`, `9007199254740993`,
			"9007199254740993: must be below 9007199254740993"},
		{"minimum", `{"minimum":-9007199254740992}`, `-9007199254740992`, `-9007199254740993`, "-9007199254740993: must be at least -9007199254740992"},
		{"a fraction as bound", `{"minimum":1.5}`, `2`, `1`, "1: must be at least 1.5"},
		{"a bound beyond integers", `{"maximum":1e19}`, `9223372036854775807`, `1e20`, "1e+20: must be at most 1e+19"},
		{"a bound of a float", `{"minimum":9223372036854775807}`, `9223372036854775808`, `9223372036854774784.0`,
			"9.223372036854775e+18: must be at least 9223372036854775807"},

		{"enum", `{"enum":[9007199254740993]}`, `9007199254740993`, `9007199254740992`, "9007199254740992: must be one of 9007199254740993"},
		{"enum of a float", `{"enum":[1.0]}`, `1`, `1.5`, "1.5: must be one of 1"},
		{"enum of an exponent", `{"enum":[1000]}`, `1e3`, `1e-3`, "0.001: must be one of 1000"},
		{"unique", `{"uniqueItems":true}`, `[9007199254740992,9007199254740993]`, `[1,1.0]`, "must not be there twice"},

		{"the largest integer", `{"type":"integer"}`, `9223372036854775807`, `9223372036854775808`, wide},
		{"the least integer", `{"type":"integer"}`, `-9223372036854775808`, `-9223372036854775809`, wide},
		{"an integer with an exponent", `{"type":"integer"}`, `1e15`, `1e30`, wide},
		{"an infinite integer", `{"type":"integer"}`, `-0.0`, `1e400`, wide},
		{"an integer beyond what floats hold", `{"type":"integer"}`, `9007199254740991.0`, `9007199254740993.0`, wide},
		{"an integer or a string", `{"x-kubernetes-int-or-string":true}`, `1.0`, `1e30`, "must be an integer or a string, not a number"},
		{"a number", `{"type":"number","maximum":1e30}`, `1e30`, `1e31`, "1e+31: must be at most 1e+30"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if words := found(t, tt.schema, tt.accepted); words != nil {
				t.Error(words)
			}
			words := found(t, tt.schema, tt.refused)
			if len(words) != 1 || !strings.HasSuffix(words[0], "Invalid value: "+tt.want) {
				t.Errorf("%q, want %q", words, tt.want)
			}
		})
	}
}

// TestLargeCounts: a limit that nothing reaches is one.
func TestLargeCounts(t *testing.T) {
	for _, count := range []string{"2147483648", "9223372036854775807", "1e30", "1e400"} {
		if words := found(t, `{"maxItems":`+count+`}`, "[1]"); words != nil {
			t.Errorf("%s: %q", count, words)
		}
		want := []string{fmt.Sprintf("config: Invalid value: must have at least %d items, not 1", math.MaxInt32)}
		if diff := cmp.Diff(want, found(t, `{"minItems":`+count+`}`, "[1]")); diff != "" {
			t.Error(count, diff)
		}
	}
}
