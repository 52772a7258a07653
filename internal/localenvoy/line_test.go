// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParse: whose line it is, and whether it is shown.
func TestParse(t *testing.T) {
	tests := map[string]struct {
		want  Line
		shown bool
	}{
		`info wasm wasm log filter filter-0123456789ab: hello "x"`:               {Line{"error", `info wasm wasm log filter filter-0123456789ab: hello "x"`, false}, true}, // no JSON
		`info wasm wasm log filter filter-0123456789ab: hello \"x\"`:             {Line{"info", `hello "x"`, true}, true},
		`warning wasm wasm log filter root filter-0123456789ab: a\nb\n`:          {Line{"warn", "a\nb", true}, true},
		`info wasm wasm log filter my root filter-0123456789ab: a: b`:            {Line{"info", "a: b", true}, true},
		`critical wasm Plugin configured to fail closed failed to load`:          {Line{"critical", "Plugin configured to fail closed failed to load", false}, false},
		`error wasm Wasm VM failed Failed to configure base Wasm plugin`:         {Line{"error", "Wasm VM failed Failed to configure base Wasm plugin", false}, true},
		`error wasm wasm log filter-0123456789ab: no`:                            {Line{"error", "no", true}, true}, // in the virtual machine in which Envoy tries it
		`warning config delta config rejected`:                                   {Line{"warn", "delta config rejected", false}, false},
		`warning main there is no configured limit to the number of connections`: {Line{"warn", "there is no configured limit to the number of connections", false}, false},
		`debug wasm Created new Wasm`:                                            {Line{"debug", "Created new Wasm", false}, false},
		`Segmentation fault`:                                                     {Line{"error", "Segmentation fault", false}, true},
	}
	for text, tt := range tests {
		got := parse(text)
		if diff := cmp.Diff(tt.want, got.Line); diff != "" || got.isShown() != tt.shown {
			t.Errorf("%s: shown %t (-want +got)\n%s", text, got.isShown(), diff)
		}
	}
}

// TestParseFinds: lines of a filter are found by the vm_id that it has.
func TestParseFinds(t *testing.T) {
	if got := parse("info wasm wasm log filter " + vmIDOf([]byte("module")) + ": hello"); !got.Filter || got.Message != "hello" {
		t.Errorf("%+v", got)
	}
}

// TestLineWriter: lines are whole however they are written, and a long one is cut.
func TestLineWriter(t *testing.T) {
	var got []string
	w := &lineWriter{line: func(line string) { got = append(got, line) }}
	for _, part := range []string{"a\nb", "c\n\nd", strings.Repeat("e", 2*maxLine), "f\n", "rest"} {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Errorf("wrote %d of %d: %v", n, len(part), err)
		}
	}
	want := []string{"a", "bc", "", "d" + strings.Repeat("e", maxLine-1)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
