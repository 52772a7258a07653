// SPDX-License-Identifier: Apache-2.0

package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runScript runs go-build.sh for a module with one file, and returns what it wrote to its standard output and error.
func runScript(t *testing.T, source string) (out, messages string, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "./go-build.sh", "a program", dir, "-o", filepath.Join(dir, "m"), ".")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

func TestScript(t *testing.T) {
	out, messages, err := runScript(t, "package main\n\nfunc main() {}\n")
	if err != nil || messages != "" {
		t.Errorf("%v, messages %q", err, messages)
	}
	if !strings.HasPrefix(out, "building a program … 0s\n") || !strings.Contains(out, "building a program … done after ") {
		t.Errorf("progress:\n%s", out)
	}
}

func TestScriptOfAFailedBuild(t *testing.T) {
	out, messages, err := runScript(t, "package main\n\nfunc main() { undefined() }\n")
	if err == nil || strings.Contains(out, "done") {
		t.Errorf("a failed build ended with %v, progress:\n%s", err, out)
	}
	if want := "main.go:3:15: undefined: undefined"; !strings.Contains(messages, want) {
		t.Errorf("messages lack %q:\n%s", want, messages)
	}
}
