// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

func schemaOf(wasm []byte) (string, error) {
	d, err := module.Describe(bytes.NewReader(wasm), int64(len(wasm)))
	if err != nil {
		return "", err
	}
	schema, err := d.Schema.Read(bytes.NewReader(wasm))
	return string(schema), err
}

func carrying(schema string) wasmtest.Option {
	return wasmtest.Custom(module.SchemaSection, []byte(schema))
}

func TestSchema(t *testing.T) {
	tests := []struct {
		name string
		wasm []byte
		want string
		err  string
	}{
		{"none", wasmtest.Module(), "", ""},
		{"one", wasmtest.Module(carrying(`{"type":"object"}`)), `{"type":"object"}`, ""},
		{"the first counts", wasmtest.Module(wasmtest.Salt("a"), carrying("{}"), carrying("[]")), "{}", ""},
		{"the largest", wasmtest.Module(carrying(strings.Repeat(" ", configschema.MaxBytes))), strings.Repeat(" ", configschema.MaxBytes), ""},
		{"too large", wasmtest.Module(carrying(strings.Repeat(" ", configschema.MaxBytes+1))), "", "it has 65537 bytes, more than 65536"},
		{"of what Envoy does not load", wasmtest.Module(wasmtest.ABI(""), carrying("{}")), "{}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := schemaOf(tt.wasm)
			words := ""
			if err != nil {
				words = err.Error()
			}
			if diff := cmp.Diff([]string{tt.want, tt.err}, []string{got, words}); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, cut := range []string{"", "\xff", "\x19wasm"} { // a custom section without a whole name
		if _, err := schemaOf(append(wasmtest.Module(), section(0, cut)...)); failure.Of(err) == nil {
			t.Errorf("a section %q: %v", cut, err)
		}
	}
}

// TestWithSchema holds that Envoy runs the same: nothing but the schema changes, and a second one replaces the first.
func TestWithSchema(t *testing.T) {
	plain := wasmtest.Module(wasmtest.Salt("a"))
	const schema = `{"type":"object"}`
	once, err := module.WithSchema(plain, []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(once, plain) {
		t.Error("the module itself changes")
	}
	twice, err := module.WithSchema(wasmtest.Module(wasmtest.Salt("a"), carrying("[]"), carrying("1")), []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(once, twice) {
		t.Error("a module that had schemas differs from one that had none")
	}
	if got, err := schemaOf(twice); got != schema || err != nil {
		t.Errorf("carries %q, %v", got, err)
	}
	described := describe(t, twice)
	described.Schema = module.Schema{}
	if diff := cmp.Diff(describe(t, plain), described, exportedFields); diff != "" {
		t.Error(diff)
	}
	for _, bad := range [][]byte{wasmtest.Truncated(), wasmtest.NotWasm(), nil} {
		if _, err := module.WithSchema(bad, []byte(schema)); failure.Of(err) == nil {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}
