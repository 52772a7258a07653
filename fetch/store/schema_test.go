// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

// TestSchemasOfModules: what a module carries is known wherever the module is, also after a restart.
func TestSchemasOfModules(t *testing.T) {
	f := newFixture(t)
	put := func(schema string) string {
		carried := wasmtest.Module(wasmtest.Custom(module.SchemaSection, []byte(schema)))
		info, err := f.Put(t.Context(), bytes.NewReader(carried), "", store.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		return info.SHA256
	}
	good, bad, none := put(`{"type":"object"}`), put(`{"$ref":"#"}`), f.put("none").SHA256
	f.restart()
	schema, err := f.Schema(good)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := schema.Validate([]byte("1"), field.NewPath("config")); err != nil || len(result.Errors) != 1 {
		t.Errorf("%v, %v", result, err)
	}
	if schema, err := f.Schema(none); schema != nil || err != nil {
		t.Errorf("without a schema: %v, %v", schema, err)
	}
	if _, err := f.Schema(bad); err == nil || !strings.HasPrefix(err.Error(), "the schema in the module cannot be used: $ref") {
		t.Errorf("a bad schema: %v", err)
	}
	if _, err := f.Schema(strings.Repeat("0", 64)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the module: %v", err)
	}
	zero(t, f.path(good), int64(len(f.serve(good))))
	f.restart()
	if _, err := f.Schema(good); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a damaged module: %v", err)
	}
}

// TestSchemaOfAnEarlierRecord: a record that does not say where the schema is does not hide it, and keeps its sources.
func TestSchemaOfAnEarlierRecord(t *testing.T) {
	f := newFixture(t)
	carried := wasmtest.Module(wasmtest.Custom(module.SchemaSection, []byte("{}")))
	info, err := f.Put(t.Context(), bytes.NewReader(carried), "", store.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddSource("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	path := f.path(info.SHA256) + ".json"
	record, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	earlier := regexp.MustCompile(`"schema":\[\d+,\d+\],`).ReplaceAll(record, nil)
	if len(earlier) == len(record) {
		t.Fatalf("the record is %s", record)
	}
	if err := os.WriteFile(path, earlier, 0o600); err != nil {
		t.Fatal(err)
	}
	f.restart()
	if schema, err := f.Schema(info.SHA256); schema == nil || err != nil {
		t.Errorf("%v, %v", schema, err)
	}
	if got, _ := f.LookupSource("key"); got != info.SHA256 {
		t.Errorf("the source gave %q", got)
	}
}
