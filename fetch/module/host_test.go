// SPDX-License-Identifier: Apache-2.0

package module

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file")

// How many functions the host registers for each ABI and date, counted in its
// source: a function that is lost or doubled in the tables shows here.
func TestHostTableIsComplete(t *testing.T) {
	got := map[string]int{}
	for name, f := range hostFunctions {
		module, _, _ := strings.Cut(name, ".")
		for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
			if len(f.abis) == 0 || slices.Contains(f.abis, abi) {
				got[module+" "+abi]++
			}
		}
		got[module+" since "+f.since]++
	}
	want := map[string]int{
		"env 0.1.0": 36 + 2 + 4, "env 0.2.0": 36 + 2 + 2, "env 0.2.1": 36 + 2 + 3,
		"env since 2020-08-04": 36 + 1 + 4 + 2, "env since 2020-12-22": 1, "env since 2022-06-15": 1,
	}
	for _, module := range wasi {
		want[module+" since 2020-10-15"] = 12
		want[module+" since 2021-11-18"] = 3
		want[module+" since 2024-12-19"] = 3
		want[module+" since 2026-04-06"] = 27
		for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
			want[module+" "+abi] = 45
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHostTableIsWellFormed(t *testing.T) {
	shape := regexp.MustCompile(`^\((i32|i64)?(,(i32|i64))*\)->(i32|\(\))$`)
	for name, f := range hostFunctions {
		if !shape.MatchString(f.signature) {
			t.Errorf("%s has the signature %q", name, f.signature)
		}
	}
	for _, c := range callbacks {
		if !shape.MatchString(c.signature) {
			t.Errorf("callback %s has the signature %q", c.name, c.signature)
		}
	}
}

// The golden file lists all that the host provides, for reviewers, and for a test on
// real Envoys, which links a module with all of these imports.
func TestHostTableIsGolden(t *testing.T) {
	var lines []string
	for name, f := range hostFunctions {
		abis := f.abis
		if len(abis) == 0 {
			abis = []string{"all"}
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s\n", name, f.signature, strings.Join(abis, ","), f.since, f.envoy))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	const path = "testdata/host.golden"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
