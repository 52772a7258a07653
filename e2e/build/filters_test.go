// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFiltersAreBuiltOnce(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "e2e", "filters", "go.mod"), []byte(tiny()["go.mod"]))
	for _, name := range []string{"a", "b"} {
		write(t, filepath.Join(root, "e2e", "filters", name, "main.go"), []byte(tiny()["main.go"]))
	}
	var progress bytes.Buffer
	b := &Builder{Checkout: root, CacheDir: t.TempDir(), Progress: &progress}
	first, err := b.Filters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(first, "*"))
	if diff := cmp.Diff([]string{filepath.Join(first, "a.wasm"), filepath.Join(first, "b.wasm")}, files); err != nil || diff != "" {
		t.Errorf("built (-want +got), %v:\n%s", err, diff)
	}
	if module, err := os.ReadFile(files[0]); err != nil || !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Errorf("%s is no module: %v", files[0], err)
	}
	progress.Reset()
	if again, err := b.Filters(context.Background()); err != nil || again != first || progress.Len() > 0 {
		t.Errorf("the second time: %s, %v, %q", again, err, progress.String())
	}
	write(t, filepath.Join(root, "e2e", "filters", "b", "main.go"), []byte("package main\n\nfunc main() { undefinedName() }\n"))
	_, err = b.Filters(context.Background())
	if err == nil || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("of a filter that does not compile: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(b.CacheDir, "filters-*")); err != nil || len(left) != 1 {
		t.Errorf("in the cache: %v, %v", left, err)
	}
}
