// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

const header = "\x00asm\x01\x00\x00\x00"

// raw puts sections of any id and content behind a header.
func raw(sections ...string) []byte { return []byte(header + strings.Join(sections, "")) }

func section(id byte, content string) string {
	return string(binary.AppendUvarint([]byte{id}, uint64(len(content)))) + content
}

func TestInspectRefusesOtherFiles(t *testing.T) {
	tar := append(bytes.Repeat([]byte("a"), 257), "ustar\x0000"...)
	const not = "not a WebAssembly module: the file "
	tests := []struct {
		name    string
		file    []byte
		message string
	}{
		{"nothing", nil, not + "is empty"},
		{"one byte", []byte{0}, not + `does not begin with \0asm`},
		{"the magic number alone", []byte("\x00asm"), not + "ends after 4 bytes"},
		{"half a version", []byte("\x00asm\x01\x00"), not + "ends after 6 bytes"},
		{"noise", []byte{9, 8, 7, 6, 0xff}, not + `does not begin with \0asm`},
		{"gzip", []byte("\x1f\x8b\x08\x00"), not + `does not begin with \0asm: it is gzip, decompress it`},
		{"zstd", []byte("\x28\xb5\x2f\xfd"), not + `does not begin with \0asm: it is zstd, decompress it`},
		{"tar", tar, not + `does not begin with \0asm: it is a tar archive, extract the module from it`},
		{"ELF", []byte("\x7fELF\x02"), not + `does not begin with \0asm: it is a native ELF program, build the filter for WebAssembly`},
		{"text format", []byte(" (module)"), not + `does not begin with \0asm: it is the text format, convert it with wat2wasm`},
		{"a page", []byte("\n<!doctype html>"), not + `does not begin with \0asm: it is an HTML or XML page, perhaps a login or an error page, check the address`},
		{"text", wasmtest.NotWasm(), not + `does not begin with \0asm: it is text`},
		{"another version", []byte("\x00asm\x02\x00\x00\x00"), "not a WebAssembly module that Envoy knows: version 02 00 00 00 instead of 01 00 00 00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(verdict{Reason: v1alpha1.ReasonNotWasm, Message: tt.message}, inspect(t, tt.file)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInspectRefusesComponents(t *testing.T) {
	want := verdict{Reason: v1alpha1.ReasonComponent, Message: "a WebAssembly component: Envoy loads core modules, not components; build the filter for a core target such as wasm32-wasip1 with a Proxy-Wasm SDK"}
	for _, component := range [][]byte{wasmtest.Component(), []byte("\x00asm\x0e\x00\x01\x00more")} {
		if diff := cmp.Diff(want, inspect(t, component)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestInspectRefusesMalformedModules(t *testing.T) {
	types := section(1, "\x01\x60\x00\x00") // one function type without anything
	tests := []struct {
		name  string
		file  []byte
		fault string
	}{
		{"cut short", wasmtest.Truncated(), "section 10 at byte"},
		{"a stray byte at the end", append(wasmtest.Module(), 0), "section 0 at byte 129: at byte 130: ends too early"},
		{"a size beyond the file", raw("\x0b\xff\xff\xff\xff\x0f"), "section 11 at byte 8: at byte 14: declares 4294967295 bytes where only 0 are left"},
		{"a size of more than 32 bits", raw("\x0b\xff\xff\xff\xff\x1f"), "a number of more than 32 bits"},
		{"an endless number", raw("\x0b\xff\xff\xff\xff\xff\xff\xff"), "a number of more than 32 bits"},
		{"an unknown section", wasmtest.Module(wasmtest.Section(14, nil)), "unknown section id 14"},
		{"a section twice", raw(types, types), "section at byte 14: the type section is there twice or out of order"},
		{"sections out of order", raw(section(3, "\x00"), types), "the type section is there twice or out of order"},
		{"a custom section without a name", raw(section(0, "")), "name of a custom section: at byte 10: ends too early"},
		{"a custom section's name beyond it", raw(section(0, "\x09abc")), "declares a name of 9 bytes where only 3 are left"},
		{"bytes after the last entry", raw(section(1, "\x01\x60\x00\x00\xee")), "type section: 1 bytes too many after its 1 entries"},
		{"fewer entries than declared", raw(section(1, "\x05\x60\x00\x00")), "type section, entry 2 of 5: at byte 14: ends too early"},
		{"a type of an unknown form", raw(section(1, "\x01\x42")), "type section, entry 1 of 1: at byte 11: unknown form of type 0x42"},
		{"an unknown value type", raw(section(1, "\x01\x60\x01\x01\x00")), "unknown value type 0x01"},
		{"an import of an unknown kind", raw(section(2, "\x01\x00\x00\x07\x00")), "unknown kind of import 0x07"},
		{"an import of a type that is not there", raw(types, section(2, "\x01\x01m\x01n\x00\x05")), "import m.n: there is no function type 5"},
		{"an export of a function that is not there", raw(types, section(7, "\x01\x06malloc\x00\x63")), "export malloc: there is no function 99"},
		{"an export of a type that is not there", raw(section(3, "\x01\x07"), section(7, "\x01\x06malloc\x00\x00"), section(10, "\x01")), "export malloc: there is no function type 7"},
		{"functions without code", raw(types, section(3, "\x01\x00")), "it declares 1 functions and holds the code of 0"},
		{"memory limits of an unknown kind", raw(section(5, "\x01\x10\x01")), "unknown limits 0x10"},
		{"a start section of two numbers", raw(section(8, "\x00\x00")), "start section: 2 bytes that are not one number"},
		{"function names that do not fit", wasmtest.Module(wasmtest.Custom("name", []byte{1, 3, 9, 0, 0})), "name section: "},
		{"function names that end early", wasmtest.Module(wasmtest.Custom("name", []byte{1, 3, 0, 0, 0})), "the function names end at byte"},
		{"a part of the names beyond them", wasmtest.Module(wasmtest.Custom("name", []byte{7, 9, 0})), "name section: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := inspect(t, tt.file)
			if got.Reason != v1alpha1.ReasonNotWasm || !strings.Contains(got.Message, tt.fault) ||
				!strings.HasPrefix(got.Message, "not a valid WebAssembly module: ") {
				t.Errorf("got %+v, want NotWasm naming %q", got, tt.fault)
			}
		})
	}
}

// A file that is shorter than its declared size is a file that was cut short.
func TestInspectAFileShorterThanDeclared(t *testing.T) {
	wasm := wasmtest.Module(wasmtest.Padding(10_000))
	_, err := module.Inspect(bytes.NewReader(wasm[:40]), int64(len(wasm)))
	if f := failure.Of(err); f == nil || f.Reason != v1alpha1.ReasonNotWasm || !strings.Contains(f.Error(), "before its declared size") {
		t.Errorf("Inspect = %v, want NotWasm", err)
	}
}

// Types of garbage collection are stepped over: they shift no type index.
func TestInspectStepsOverOtherTypes(t *testing.T) {
	plain := wasmtest.Module(wasmtest.NoImports()) // its types: those of its 2 functions
	ours := "\x60\x00\x00" + "\x60\x01\x7f\x01\x7f"
	others := []string{
		"\x5e\x7f\x01",                 // an array of i32
		"\x5f\x02\x78\x00\x63\x70\x01", // a struct of an i8 and a reference
		"\x50\x01\x00\x5f\x01\x77\x00", // a subtype of type 0 of an i16
		"\x4f\x00\x60\x01\x6e\x00",     // a final type of a function that takes an anyref
	}
	theirs := strings.Join(others, "") + "\x4e\x02" + others[0] + others[1] // and a group of two: 6 types
	before := section(1, "\x02"+ours)
	after := section(1, "\x07"+theirs+ours)
	wasm := strings.Replace(string(plain), before, after, 1)
	wasm = strings.Replace(wasm, section(3, "\x02\x00\x01"), section(3, "\x02\x06\x07"), 1)
	if strings.Contains(wasm, before) || slices.Equal([]byte(wasm), plain) {
		t.Fatal("the plain module is not built as this test expects")
	}
	if diff := cmp.Diff(verdict{ABI: "0.2.1"}, inspect(t, []byte(wasm))); diff != "" {
		t.Error(diff)
	}
}

// sectionsInOrder are all known sections but the custom one, each with the least that
// it can hold, in the order that the specification demands.
var sectionsInOrder = []struct {
	id      byte
	name    string
	content string
}{
	{1, "type", "\x00"}, {2, "import", "\x00"}, {3, "function", "\x00"}, {4, "table", "\x00"}, {5, "memory", "\x00"},
	{13, "tag", "\x00"}, {6, "global", "\x00"}, {7, "export", "\x00"}, {8, "start", "\x00"}, {9, "element", "\x00"},
	{12, "data count", "\x00"}, {10, "code", "\x00"}, {11, "data", "\x00"},
}

// Each section may be there once, and only in the one order.
func TestSectionOrder(t *testing.T) {
	for i, a := range sectionsInOrder {
		for j, b := range sectionsInOrder {
			_, err := module.Describe(reader(raw(section(a.id, a.content), section(b.id, b.content))))
			want := ""
			if i >= j {
				want = "section at byte 11: the " + b.name + " section is there twice or out of order"
			}
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, then %s: %v, want %q", a.name, b.name, err, want)
			}
		}
	}
}

func TestSectionsWithCustomOnesBetween(t *testing.T) {
	custom := section(0, "\x01x")
	file := []string{custom}
	for _, s := range sectionsInOrder {
		file = append(file, section(s.id, s.content), custom, custom)
	}
	if _, err := module.Describe(reader(raw(file...))); err != nil {
		t.Error(err)
	}
}

func TestUnknownSections(t *testing.T) {
	for id := 14; id < 256; id++ {
		got := inspect(t, raw(section(byte(id), "\x00")))
		if want := fmt.Sprintf("section at byte 8: unknown section id %d;", id); !strings.Contains(got.Message, want) {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}

// A section that is parsed holds one vector, all of it and nothing behind it. What an
// engine has to validate is skipped.
func TestSectionContents(t *testing.T) {
	parsed := map[byte]bool{1: true, 2: true, 3: true, 5: true, 7: true, 8: true}
	for _, s := range sectionsInOrder {
		for content, fault := range map[string]string{
			"":         s.name + " section: at byte 10: ends too early",
			"\x00\x00": s.name + " section: ",
		} {
			_, err := module.Describe(reader(raw(section(s.id, content))))
			switch {
			case parsed[s.id] && (err == nil || !strings.Contains(err.Error(), fault)):
				t.Errorf("%s section of %q: %v, want %q", s.name, content, err, fault)
			case !parsed[s.id] && s.id != 10 && err != nil:
				t.Errorf("%s section of %q: %v", s.name, content, err)
			}
		}
	}
}

// The code section has to have as many bodies as the function section declares.
func TestBodies(t *testing.T) {
	types := section(1, "\x01\x60\x00\x00")
	tests := map[string]struct{ functions, code, fault string }{
		"neither":         {"", "", ""},
		"none":            {section(3, "\x00"), section(10, "\x00"), ""},
		"as many":         {section(3, "\x02\x00\x00"), section(10, "\x02\x02\x00\x0b\x02\x00\x0b"), ""},
		"fewer":           {section(3, "\x02\x00\x00"), section(10, "\x01\x02\x00\x0b"), "it declares 2 functions and holds the code of 1"},
		"more":            {section(3, "\x01\x00"), section(10, "\x02"), "it declares 1 functions and holds the code of 2"},
		"code alone":      {"", section(10, "\x01"), "it declares 0 functions and holds the code of 1"},
		"no code section": {section(3, "\x01\x00"), "", "it declares 1 functions and holds the code of 0"},
		"no count":        {section(3, "\x00"), section(10, ""), "code section: at byte"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := module.Describe(reader(raw(types, tt.functions, tt.code)))
			if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("Describe = %v, want %q", err, tt.fault)
			}
		})
	}
}

// Envoy reads the function names for its backtraces, and refuses a module whose names
// it cannot read. Other names, and a second name section, it does not read.
func TestNameSections(t *testing.T) {
	const (
		moduleName = "\x00\x02\x01m"
		functions  = "\x01\x07\x02\x00\x01f\x01\x01g"
		locals     = "\x02\x06\x01\x00\x01\x00\x01x"
		unknown    = "\x09\x01\xff"
	)
	tests := map[string]struct {
		content string
		fault   string
	}{
		"nothing":                     {"", ""},
		"the module's name":           {moduleName, ""},
		"functions":                   {functions, ""},
		"all of it":                   {moduleName + functions + locals + unknown, ""},
		"functions twice":             {functions + functions, ""},
		"no functions":                {"\x01\x01\x00", ""},
		"locals that are broken":      {"\x02\x01\xff", ""},
		"a subsection without a size": {"\x01", "ends too early"},
		"a subsection cut off":        {"\x01\x07\x02\x00\x01f", "declares 7 bytes where only 4 are left"},
		"no count":                    {"\x01\x00", "ends too early"},
		"a count too high":            {"\x01\x04\x02\x00\x01f", "ends too early"},
		"a count too low":             {"\x01\x07\x01\x00\x01f\x01\x01g", "the function names end at byte"},
		"names into what follows":     {"\x01\x04\x01\x00\x04fg\x09\x01\xff", "the function names end at byte"},
		"an index of 33 bits":         {"\x01\x07\x01\xff\xff\xff\xff\x1f\x00", "a number of more than 32 bits"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := inspect(t, wasmtest.Module(wasmtest.Custom("name", []byte(tt.content))))
			if (got.Reason == "") != (tt.fault == "") || !strings.Contains(got.Message, tt.fault) {
				t.Errorf("got %+v, want %q", got, tt.fault)
			}
			if got := inspect(t, wasmtest.Module(wasmtest.Custom("name", nil), wasmtest.Custom("name", []byte(tt.content)))); got.Reason != "" {
				t.Errorf("in a second name section: %+v", got)
			}
		})
	}
}

// reader is what Describe and Inspect take.
func reader(file []byte) (*bytes.Reader, int64) { return bytes.NewReader(file), int64(len(file)) }
