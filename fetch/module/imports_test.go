// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

var abis = []string{"0.1.0", "0.2.0", "0.2.1"}

// listed is a line of the golden list of host functions.
type listed struct {
	module, name, signature string
	abis                    []string
	since, envoy            string
}

// letters is the signature in the notation of wasmtest.
func (l listed) letters() string {
	return strings.NewReplacer("i32", "i", "i64", "I", ",", "", "(", "", ")", "", "->", ":").Replace(l.signature)
}

func listedFunctions(t *testing.T) (all []listed) {
	t.Helper()
	golden, err := os.ReadFile("testdata/host.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		columns := strings.Fields(line)
		l := listed{signature: columns[1], abis: abis, since: columns[3], envoy: columns[4]}
		l.module, l.name, _ = strings.Cut(columns[0], ".")
		if columns[2] != "all" {
			l.abis = strings.Split(columns[2], ",")
		}
		all = append(all, l)
	}
	return all
}

// Each host function is provided to the ABIs that have it, with its signature and no
// other. This is the linker's part of what e2e/mesh tries on real Envoys.
func TestEachHostFunction(t *testing.T) {
	for _, l := range listedFunctions(t) {
		t.Run(l.module+"."+l.name, func(t *testing.T) {
			for _, abi := range abis {
				want := module.Import{Module: l.module, Name: l.name, Kind: "function", Signature: l.signature, Since: l.since, Envoy: l.envoy}
				if !slices.Contains(l.abis, abi) {
					want.Since, want.Envoy = "", ""
					want.Problem = fmt.Sprintf("Envoy provides it to ABI %s, not to %s", strings.Join(l.abis, " and "), abi)
				}
				got := linked(t, abi, wasmtest.Import(l.module, l.name, l.letters()))
				if diff := cmp.Diff(want, got, exportedFields); diff != "" {
					t.Error(diff)
				}
			}
			for _, other := range []string{"I" + l.letters(), l.letters() + "i", "f:", ":F"} {
				got := linked(t, l.abis[0], wasmtest.Import(l.module, l.name, other))
				want := fmt.Sprintf("signature mismatch: want %s, module has %s", l.signature, got.Signature)
				if got.Problem != want || got.Since != "" || got.Envoy != "" {
					t.Errorf("as %s: %+v, want the problem %q", other, got, want)
				}
			}
		})
	}
}

// linked is the only import of a module of an ABI.
func linked(t *testing.T, abi string, option wasmtest.Option) module.Import {
	t.Helper()
	d := describe(t, wasmtest.Module(wasmtest.ABI(abi), wasmtest.NoImports(), option))
	if len(d.Imports) != 1 {
		t.Fatalf("%d imports", len(d.Imports))
	}
	return d.Imports[0]
}

// Names are compared whole: module and name, to the byte.
func TestNamesOfHostFunctions(t *testing.T) {
	for _, name := range [][2]string{
		{"env", "log"}, {"env", "proxy_log "}, {"env", "proxy_lo"}, {"env", "Proxy_log"}, {"env", ""}, {"", "proxy_log"},
		{"", "env.proxy_log"}, {"env.", "proxy_log"}, {"ENV", "proxy_log"}, {"wasi_snapshot_preview1", "proxy_log"}, {"env", "fd_write"},
		{"wasi_snapshot_preview1", "proc_raise"}, {"wasi_ephemeral_preview0", "fd_write"}, {"wasi:io/streams@0.2.0", "drop"},
	} {
		got := linked(t, "0.2.1", wasmtest.Import(name[0], name[1], "iii:i"))
		if got.Problem != "no Envoy up to 1.40 provides it" {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

// A name with a dot is one and the same for a message, and not for the linker.
func TestImportNamesWithDots(t *testing.T) {
	d := describe(t, wasmtest.Module(wasmtest.NoImports(), wasmtest.Import("env.proxy_log", "", "iii:i"), wasmtest.Import("e", "nv.proxy_log", "iii:i")))
	for _, i := range d.Imports {
		if i.Problem == "" {
			t.Errorf("%+v is linked", i)
		}
	}
}

func TestImportForms(t *testing.T) {
	const named = "\x03env\x01x"
	memory := func(limits string) string { return named + "\x02" + limits }
	table := func(of string) string { return named + "\x01" + of }
	tests := []struct {
		name    string
		entry   string
		want    module.Import // but for its names
		refused string
	}{
		{"a memory", memory("\x00\x01"), module.Import{Kind: "memory", Since: "2020-08-04", Envoy: "1.36"}, ""},
		{"a memory with a maximum", memory("\x01\x01\x02"), module.Import{Kind: "memory", Since: "2020-08-04", Envoy: "1.36"}, ""},
		{"a shared memory of 64 bits", memory("\x07\x01\x02"), module.Import{Kind: "memory", Since: "2020-08-04", Envoy: "1.36"}, ""},
		{"a memory of an unknown kind", memory("\x08\x01"), module.Import{}, "unknown limits 0x08"},
		{"a memory without limits", memory(""), module.Import{}, "ends too early"},
		{"a table of functions", table("\x70\x00\x01"), module.Import{Kind: "table", Since: "2020-08-04", Envoy: "1.36"}, ""},
		{"a table of typed references", table("\x63\x00\x01\x01\x02"), module.Import{Kind: "table", Since: "2020-08-04", Envoy: "1.36"}, ""},
		{"a table of an unknown type", table("\x00\x00\x01"), module.Import{}, "unknown value type 0x00"},
		{"a table without limits", table("\x70"), module.Import{}, "ends too early"},
		{"a global", named + "\x03\x7f\x00", module.Import{Kind: "global", Problem: "Envoy provides no global"}, ""},
		{"a mutable global", named + "\x03\x6f\x01", module.Import{Kind: "global", Problem: "Envoy provides no global"}, ""},
		{"a global of an unknown type", named + "\x03\x40\x00", module.Import{}, "unknown value type 0x40"},
		{"a global without mutability", named + "\x03\x7f", module.Import{}, "ends too early"},
		{"a tag", named + "\x04\x00\x00", module.Import{Kind: "tag", Problem: "Envoy provides no tag"}, ""},
		{"a tag without a type", named + "\x04\x00", module.Import{}, "ends too early"},
		{"an unknown kind", named + "\x05\x00", module.Import{}, "unknown kind of import 0x05"},
		{"no kind", named, module.Import{}, "import section, entry 1 of 1: at byte 17: ends too early"},
		{"no name", "\x03env", module.Import{}, "import section, entry 1 of 1: name: at byte 15: ends too early"},
		{"no module", "", module.Import{}, "import section, entry 1 of 1: module's name: at byte 11: ends too early"},
		{"a name cut off", "\x03env\x05x", module.Import{}, "name: at byte 16: declares a name of 5 bytes where only 1 are left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := module.Describe(reader(raw(section(2, "\x01"+tt.entry))))
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("Describe = %v, want %q", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Module, tt.want.Name = "env", "x"
			if diff := cmp.Diff([]module.Import{tt.want}, d.Imports, exportedFields); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for flags := range 256 {
		maximum := ""
		if flags&1 != 0 {
			maximum = "\x02"
		}
		_, err := module.Describe(reader(raw(section(5, "\x01"+string([]byte{byte(flags)})+"\x01"+maximum))))
		if (err == nil) != (flags <= 7) {
			t.Errorf("flags 0x%02x: %v", flags, err)
		}
	}
}
