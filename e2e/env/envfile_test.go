// SPDX-License-Identifier: Apache-2.0

package env

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// awkward are values that a shell would do something with.
var awkward = []Variable{
	{"PLAIN", "127.0.0.1:5000"},
	{"EMPTY", ""},
	{"SPACES", " a  b "},
	{"QUOTES", `it's "quoted" '`},
	{"SHELL", "$HOME `id` $(id) \\ * ; & |"},
	{"EQUALS", "a=b=c"},
	{"PATH", "/a checkout's/bin"},
}

func TestVariablesAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	if err := WriteVariables(path, awkward); err != nil {
		t.Fatal(err)
	}
	got, err := ReadVariables(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(awkward, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file with a password has mode %v, %v", info.Mode(), err)
	}
}

func TestVariablesInAShell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	if err := WriteVariables(path, awkward); err != nil {
		t.Fatal(err)
	}
	script := ". " + path
	for _, v := range awkward {
		script += `; printf '%s\0' "$` + v.Name + `"`
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, v := range awkward {
		want = append(want, v.Value)
	}
	want[len(want)-1] += ":/usr/bin:/bin"
	if diff := cmp.Diff(want, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); diff != "" {
		t.Error(diff)
	}
}

func TestParseVariablesRefuses(t *testing.T) {
	for _, text := range []string{"A='b'", "export A", "export A=b", "export A='b", "export A='", "\n", "# comment"} {
		if got, err := parseVariables(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
