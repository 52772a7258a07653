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

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
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

// put puts a module of its own for each salt.
func (f *fixture) put(salt string) module.Info {
	f.t.Helper()
	info, err := f.Put(f.t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Salt(salt))), "")
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

func (f *fixture) temporary() []string {
	f.t.Helper()
	files, err := os.ReadDir(filepath.Join(f.o.Dir, "tmp"))
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

// names sorts, for comparison as sets.
func names(infos ...module.Info) []string {
	var all []string
	for _, info := range infos {
		all = append(all, info.SHA256)
	}
	slices.Sort(all)
	return all
}
