// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/fetch/module"
)

// importing is a module that imports env.f, of type 0 of the given type section.
func importing(types string) []byte {
	return raw(section(1, types), section(2, "\x01\x03env\x01f\x00\x00"))
}

func TestSignatures(t *testing.T) {
	many := func(n int) string { return strings.Repeat("\x7f", n) }
	tests := []struct {
		name      string
		function  string
		signature string
	}{
		{"nothing", "\x00\x00", "()->()"},
		{"a parameter", "\x01\x7f\x00", "(i32)->()"},
		{"a result", "\x00\x01\x7e", "()->i64"},
		{"numbers", "\x04\x7f\x7e\x7d\x7c\x01\x7d", "(i32,i64,f32,f64)->f32"},
		{"several results", "\x00\x02\x7f\x7c", "()->(i32,f64)"},
		{"a vector", "\x01\x7b\x00", "(v128)->()"},
		{"references", "\x02\x70\x6f\x00", "(funcref,externref)->()"},
		{"an abbreviated reference", "\x01\x6e\x00", "(ref:0x6e)->()"},
		{"references to heap types", "\x02\x63\x00\x64\x70\x00", "(ref,ref)->()"},
		{"a reference to type 300", "\x01\x64\xac\x02\x00", "(ref)->()"},
		{"32 parameters", "\x20" + many(32) + "\x00", "(" + strings.TrimSuffix(strings.Repeat("i32,", 32), ",") + ")->()"},
		{"33 parameters", "\x21" + many(33) + "\x00", "(" + strings.Repeat("i32,", 32) + "…)->()"},
		{"33 results", "\x00\x21" + many(33), "()->(" + strings.Repeat("i32,", 32) + "…)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := describe(t, importing("\x01\x60"+tt.function)).Imports[0].Signature; got != tt.signature {
				t.Errorf("signature = %s, want %s", got, tt.signature)
			}
		})
	}
}

// Every byte at which a value type begins is a known one or refused.
func TestValueTypes(t *testing.T) {
	known := map[byte]string{
		0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128", 0x70: "funcref", 0x6f: "externref", 0x63: "ref", 0x64: "ref",
	}
	for b := 0x68; b <= 0x74; b++ {
		if known[byte(b)] == "" {
			known[byte(b)] = fmt.Sprintf("ref:0x%02x", b)
		}
	}
	for b := range 256 {
		heapType := ""
		if b == 0x63 || b == 0x64 {
			heapType = "\x70"
		}
		d, err := module.Describe(reader(importing("\x01\x60\x01" + string([]byte{byte(b)}) + heapType + "\x00")))
		name := known[byte(b)]
		switch {
		case name == "" && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("unknown value type 0x%02x", b))):
			t.Errorf("0x%02x: %v", b, err)
		case name != "" && (err != nil || d.Imports[0].Signature != "("+name+")->()"):
			t.Errorf("0x%02x: %+v, %v, want %s", b, d, err, name)
		}
	}
}

// Types that are no functions are skipped, in whatever form they come.
func TestOtherTypes(t *testing.T) {
	const function = "\x60\x00\x00"
	tests := []struct {
		name  string
		types string // with their count
		fault string
	}{
		{"an array", "\x02\x5e\x7f\x00" + function, ""},
		{"an array of bytes", "\x02\x5e\x78\x01" + function, ""},
		{"a struct without fields", "\x02\x5f\x00" + function, ""},
		{"a struct", "\x02\x5f\x03\x7f\x00\x77\x01\x64\x00\x00" + function, ""},
		{"a group of none", "\x02\x4e\x00\x4e\x02\x5e\x7f\x00" + function, ""},
		{"a group that refers to itself", "\x01\x4e\x02\x5f\x01\x63\x00\x01" + function, ""},
		{"a final subtype", "\x02\x4f\x00\x5e\x7f\x00" + function, ""},
		{"a subtype of two", "\x02\x50\x02\x00\x01\x5e\x7f\x00" + function, ""},
		{"a subtype of type 300", "\x02\x50\x01\xac\x02\x5e\x7f\x00" + function, ""},
		{"a function that is a subtype", "\x02\x5e\x7f\x00\x50\x00" + function, ""},
		{"a group in a group", "\x01\x4e\x01\x4e\x00", "unknown form of type 0x4e"},
		{"a subtype of a subtype", "\x01\x50\x00\x50\x00", "unknown form of type 0x50"},
		{"an array without mutability", "\x01\x5e\x7f", "ends too early"},
		{"an array of nothing", "\x01\x5e", "ends too early"},
		{"a struct with fewer fields", "\x01\x5f\x02\x7f\x00", "ends too early"},
		{"a field of an unknown type", "\x01\x5f\x01\x42\x00", "unknown value type 0x42"},
		{"a group with fewer types", "\x01\x4e\x02" + function, "ends too early"},
		{"a subtype of half an index", "\x01\x50\x01\x80", "ends too early"},
		{"a function without results", "\x01\x60\x00", "ends too early"},
		{"a function of a packed type", "\x01\x60\x01\x78\x00", "unknown value type 0x78"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := raw(section(1, tt.types), section(2, "\x01\x03env\x01f\x00\x01"))
			d, err := module.Describe(reader(file))
			switch {
			case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
				t.Errorf("Describe = %v, want %q", err, tt.fault)
			case tt.fault == "" && err != nil && !strings.Contains(err.Error(), "there is no function type 1"):
				t.Error(err)
			case tt.fault == "" && err == nil && d.Imports[0].Signature != "()->()":
				t.Errorf("type 1 is %s", d.Imports[0].Signature)
			}
		})
	}
}

func TestFormsOfTypes(t *testing.T) {
	known := map[byte]bool{0x60: true, 0x5f: true, 0x5e: true, 0x50: true, 0x4f: true, 0x4e: true}
	for form := range 256 {
		_, err := module.Describe(reader(raw(section(1, "\x01"+string([]byte{byte(form)})))))
		want := fmt.Sprintf("unknown form of type 0x%02x", form)
		if err == nil || known[byte(form)] == strings.Contains(err.Error(), want) {
			t.Errorf("0x%02x: %v", form, err)
		}
	}
}

// An import or export of a type that is no function's has no signature.
func TestTypesThatAreNoFunctions(t *testing.T) {
	array := section(1, "\x01\x5e\x7f\x00")
	for fault, file := range map[string][]byte{
		"import env.f: there is no function type 0":  raw(array, section(2, "\x01\x03env\x01f\x00\x00")),
		"export malloc: there is no function type 0": raw(array, section(3, "\x01\x00"), section(7, "\x01\x06malloc\x00\x00"), section(10, "\x01")),
	} {
		if got := inspect(t, file); !strings.Contains(got.Message, fault) {
			t.Errorf("got %+v, want %q", got, fault)
		}
	}
}
