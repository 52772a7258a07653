// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every function that Envoy 1.40 provides is provided, with the same type, to the same ABIs, and no other.
func TestHostFunctionsAreEnvoys(t *testing.T) {
	var want []string
	golden, err := os.ReadFile("../fetch/module/testdata/host.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		want = append(want, strings.Join(strings.Fields(line)[:3], " "))
	}
	var got []string
	letters := strings.NewReplacer("i", "i32,", "I", "i64,")
	for _, g := range groups() {
		result, abis := "->i32", "all"
		if g.silent {
			result = "->()"
		}
		if len(g.abis) > 0 {
			abis = strings.Join(g.abis, ",")
		}
		for _, module := range g.modules {
			for _, f := range g.all {
				params := strings.TrimSuffix(letters.Replace(f.params), ",")
				got = append(got, module+"."+g.prefix+f.name+" ("+params+")"+result+" "+abis)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A module that imports all of them is linked.
func TestEveryABILinks(t *testing.T) {
	for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
		g := newGuest(t, relay(abi), VMConfig{})
		if got := g.vm.module.ABI(); got != abi {
			t.Errorf("ABI = %s, want %s", got, abi)
		}
	}
}
