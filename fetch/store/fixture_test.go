// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

// fixture is a store in a directory of its own, with a clock that the test moves.
type fixture struct {
	*store.Store
	t   *testing.T
	o   store.Options
	now time.Time
}

func newFixture(t *testing.T, change ...func(*store.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Now()}
	f.o = store.Options{Dir: t.TempDir(), Now: func() time.Time { return f.now }}
	for _, c := range change {
		c(&f.o)
	}
	f.restart()
	return f
}

func (f *fixture) restart() {
	f.t.Helper()
	s, err := store.Open(f.o)
	if err != nil {
		f.t.Fatalf("open: %v", err)
	}
	f.Store = s
}

// diskBytes is what a module of that size takes of the disk: whole blocks, and one for its record.
func diskBytes(size int64) int64 { return (size+4095)/4096*4096 + 4096 }

// put puts a module of its own for each salt.
func (f *fixture) put(salt string) module.Info {
	f.t.Helper()
	info, err := f.Put(f.t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Salt(salt))), "", store.Claim{})
	if err != nil {
		f.t.Fatalf("put %s: %v", salt, err)
	}
	return info
}

func (f *fixture) path(sha string) string { return filepath.Join(f.o.Dir, "sha256", sha) }

func (f *fixture) serve(sha string) []byte {
	f.t.Helper()
	file, _, err := f.OpenFile(sha)
	if err != nil {
		f.t.Fatalf("open %s: %v", sha, err)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func (f *fixture) temporary() []string { return f.list("tmp") }

// files lists the modules and records.
func (f *fixture) files() []string { return f.list("sha256") }

func (f *fixture) list(dir string) []string {
	f.t.Helper()
	files, err := os.ReadDir(filepath.Join(f.o.Dir, dir))
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// sorted returns the names of modules, for comparison as sets.
func sorted(infos ...module.Info) []string {
	var all []string
	for _, info := range infos {
		all = append(all, info.SHA256)
	}
	slices.Sort(all)
	return all
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// obstruct puts a directory that is not empty in the place of a file, which no
// rename replaces and no removal removes, whoever runs the tests.
func obstruct(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// expectTransient wants an error of the disk that may pass.
func expectTransient(t *testing.T, err error) {
	t.Helper()
	if got := failure.Of(err); err == nil || got.Reason != v1alpha1.ReasonStoreFailed || got.Terminal {
		t.Errorf("error %v, want a transient %s", err, v1alpha1.ReasonStoreFailed)
	}
}

// expectPressure wants the store to signal that it needs an eviction.
func expectPressure(t *testing.T, s *store.Store) {
	t.Helper()
	select {
	case <-s.Pressure():
	default:
		t.Error("no pressure is signalled")
	}
}
