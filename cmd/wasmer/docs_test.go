package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// TestFlagsAreDocumented compares the flags with their table in
// docs/operations.md, both ways.
func TestFlagsAreDocumented(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	documented := documentedFlags(t)
	have, listed := map[string]bool{}, map[string]bool{}
	for name := range documented {
		listed[name] = true
	}
	newCommand(nil).Flags().VisitAll(func(flag *pflag.Flag) {
		have[flag.Name] = true
		if cell, ok := documented[flag.Name]; ok && !hasDefault(cell, flag.DefValue) {
			t.Errorf("--%s has the default %s, docs/operations.md says %s", flag.Name, flag.DefValue, cell)
		}
	})
	if diff := cmp.Diff(have, listed); diff != "" {
		t.Errorf("flags of wasmer (-) and in docs/operations.md (+):\n%s", diff)
	}
}

var flagRow = regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| (.*?) ?\\| [^|]*\\|$")

// documentedFlags are the cells that tell defaults, by the flag's name.
func documentedFlags(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, match := range flagRow.FindAllStringSubmatch(string(text), -1) {
		rows[match[1]] = match[2]
	}
	return rows
}

// hasDefault asks nothing of flags whose default depends on others or is none.
func hasDefault(cell, value string) bool {
	if value == "" || value == "[]" || strings.Contains(cell, "`"+value+"`") {
		return true
	}
	want, err := time.ParseDuration(value)
	if err != nil {
		return false
	}
	got, err := time.ParseDuration(strings.Trim(cell, "`"))
	return err == nil && got == want
}
