// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// checkout makes a checkout with one part, tiny, and returns a builder for it.
func checkout(t *testing.T) (*Builder, *bytes.Buffer) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "e2e", "tiny")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range tiny() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var progress bytes.Buffer
	return &Builder{Checkout: root, CacheDir: t.TempDir(), Progress: &progress}, &progress
}

var tinyPart = Part{Name: "tiny", Title: "tiny", Takes: "a second", LDFlags: []string{"-X=main.said=hello"}}

func TestPartIsBuiltOnceForItsSources(t *testing.T) {
	b, progress := checkout(t)
	first, err := b.Part(context.Background(), tinyPart)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(first).CombinedOutput(); err != nil || string(out) != "hello" {
		t.Errorf("the binary printed %q, %v", out, err)
	}
	if said := progress.String(); !strings.Contains(said, "building tiny … 0s, from source: a second the first time\nbuilding tiny … done") {
		t.Errorf("progress: %q", said)
	}
	progress.Reset()
	again, err := b.Part(context.Background(), tinyPart)
	if err != nil || again != first || progress.Len() > 0 {
		t.Errorf("the second time: %s, %v, %q", again, err, progress)
	}
	source := filepath.Join(b.Checkout, "e2e", "tiny", "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if changed, err := b.Part(context.Background(), tinyPart); err != nil || changed == first {
		t.Errorf("after a change of its source: %s, %v", changed, err)
	}
}

func TestPartIsBuiltOnceAtATime(t *testing.T) {
	b, _ := checkout(t)
	var builders sync.WaitGroup
	progress := make([]bytes.Buffer, 3)
	for i := range progress {
		builders.Go(func() {
			mine := &Builder{Checkout: b.Checkout, CacheDir: b.CacheDir, Progress: &progress[i]}
			if _, err := mine.Part(context.Background(), tinyPart); err != nil {
				t.Error(err)
			}
		})
	}
	builders.Wait()
	var builds int
	for i := range progress {
		builds += strings.Count(progress[i].String(), "building tiny … done")
	}
	if builds != 1 {
		t.Errorf("%d builds, want 1", builds)
	}
}

func TestFailedBuildShowsTheCompilerAndLeavesNothing(t *testing.T) {
	b, progress := checkout(t)
	source := filepath.Join(b.Checkout, "e2e", "tiny", "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { undefinedName() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := b.Part(context.Background(), tinyPart)
	if err == nil || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error: %v", err)
	}
	if !strings.Contains(progress.String(), "failed") {
		t.Errorf("progress: %q", progress)
	}
	left, err := filepath.Glob(filepath.Join(b.CacheDir, "tiny-*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}

func TestCanceledBuild(t *testing.T) {
	b, _ := checkout(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Part(ctx, tinyPart); err == nil {
		t.Error("a canceled build succeeded")
	}
}

func TestProductGoesToBin(t *testing.T) {
	root := module(t, tiny())
	if err := os.Mkdir(filepath.Join(root, "cmd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "cmd", "hello"), os.DirFS(module(t, map[string]string{"main.go": tiny()["main.go"]}))); err != nil {
		t.Fatal(err)
	}
	b := &Builder{Checkout: root}
	got, err := b.Product(context.Background(), "cmd/hello")
	if want := filepath.Join(root, "bin", "hello"); err != nil || got != want {
		t.Fatalf("Product: %s, %v, want %s", got, err, want)
	}
	if out, err := exec.Command(got).CombinedOutput(); err != nil || string(out) != "nothing" {
		t.Errorf("the binary printed %q, %v", out, err)
	}
}

// TestProductIsLinkedWhenItChanges and not else: a byte behind the program stays where Go finds the program up to date.
func TestProductIsLinkedWhenItChanges(t *testing.T) {
	root := module(t, map[string]string{"go.mod": tiny()["go.mod"], "hello/main.go": tiny()["main.go"]})
	b := &Builder{Checkout: root}
	product := func() []byte {
		path, err := b.Product(context.Background(), "hello")
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	marked := append(product(), 'x')
	write(t, filepath.Join(root, "bin", "hello"), marked)
	if again := product(); !bytes.Equal(again, marked) {
		t.Error("it was linked again without a change")
	}
	write(t, filepath.Join(root, "hello", "main.go"), []byte("package main\n\nfunc main() {}\n"))
	if changed := product(); bytes.Equal(changed, marked) {
		t.Error("it was not linked after a change")
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestLinkReplaces(t *testing.T) {
	b := &Builder{Checkout: t.TempDir()}
	for _, target := range []string{"/bin/false", "/bin/true", "/bin/true"} {
		link, err := b.Link("program", target)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(link); err != nil || got != target {
			t.Errorf("the link is to %s, %v, want %s", got, err, target)
		}
	}
	entries, err := os.ReadDir(filepath.Join(b.Checkout, "bin"))
	if err != nil || len(entries) != 1 {
		t.Errorf("in bin: %v, %v", entries, err)
	}
}

func TestReplaceKeepsTheOldFileOnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := replace(file, func(temp string) error {
		return errors.Join(os.WriteFile(temp, []byte("ha"), 0o644), broken)
	})
	if content, readErr := os.ReadFile(file); !errors.Is(err, broken) || string(content) != "old" || readErr != nil {
		t.Errorf("error %v; the file has %q, %v", err, content, readErr)
	}
}

func TestFindCheckout(t *testing.T) {
	want, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// From within a nested module, whose own go.mod is not the one.
	if got, err := FindCheckout("."); err != nil || got != want {
		t.Errorf("FindCheckout: %s, %v, want %s", got, err, want)
	}
	if got, err := FindCheckout(t.TempDir()); err == nil {
		t.Errorf("a checkout was found outside of any: %s", got)
	}
}
