package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/failure"
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

func TestPutKeepsAModule(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module(wasmtest.Padding(700_000))
	want := module.Info{SHA256: hashOf(data), Size: int64(len(data)), ABI: "0.2.1"}

	got, err := f.Put(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), want.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	looked, found := f.Lookup(want.SHA256)
	if diff := cmp.Diff(want, got) + cmp.Diff(want, looked); diff != "" || !found {
		t.Errorf("found %v, (-want +got):\n%s", found, diff)
	}
	if !bytes.Equal(f.serve(want.SHA256), data) {
		t.Error("the store serves other bytes than it was given")
	}
	if left := f.temporary(); left != nil {
		t.Errorf("temporary files are left: %v", left)
	}
	if diff := cmp.Diff(store.Usage{Modules: 1, Bytes: want.Size}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestPutTwiceKeepsOne(t *testing.T) {
	f := newFixture(t)
	a, b := f.put("x"), f.put("x")
	if diff := cmp.Diff(a, b) + cmp.Diff(store.Usage{Modules: 1, Bytes: a.Size}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestPutRefuses(t *testing.T) {
	good := wasmtest.Module()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		r        io.Reader
		want     string
		reason   failure.Reason
		definite bool
	}{
		{"a module over the limit", t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Padding(1001))), "", failure.TooLarge, true},
		{"an endless stream", t.Context(), zeros{}, "", failure.TooLarge, true},
		{"another hash", t.Context(), bytes.NewReader(good), hashOf(nil), failure.DigestMismatch, true},
		{"nothing", t.Context(), bytes.NewReader(nil), "", failure.NotWasm, true},
		{"a text", t.Context(), bytes.NewReader(wasmtest.NotWasm()), "", failure.NotWasm, true},
		{"a component", t.Context(), bytes.NewReader(wasmtest.Component()), "", failure.Component, true},
		{"a source that breaks off", t.Context(), io.MultiReader(bytes.NewReader(good), iotest.ErrReader(io.ErrUnexpectedEOF)), "", failure.Unavailable, false},
		{"a source that classifies", t.Context(), iotest.ErrReader(failure.Definitef(failure.Unauthorized, "no")), "", failure.Unauthorized, true},
		{"a caller who left", cancelled, bytes.NewReader(good), "", failure.Pending, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(o *store.Options) { o.MaxModuleBytes = 1000 })
			_, err := f.Put(tt.ctx, tt.r, tt.want)
			if err == nil {
				t.Fatal("it was stored")
			}
			if got := failure.Of(err); got.Reason != tt.reason || got.Definite != tt.definite {
				t.Errorf("Put = %v (%s, definite %v), want %s, %v", err, got.Reason, got.Definite, tt.reason, tt.definite)
			}
			if f.Usage() != (store.Usage{}) || f.temporary() != nil {
				t.Errorf("left behind: %+v, %v", f.Usage(), f.temporary())
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestPutTakesExactlyTheLimit(t *testing.T) {
	data := wasmtest.Module(wasmtest.Padding(1000))
	f := newFixture(t, func(o *store.Options) { o.MaxModuleBytes = int64(len(data)) })
	if _, err := f.Put(t.Context(), bytes.NewReader(data), ""); err != nil {
		t.Error(err)
	}
}

func TestDigestMismatchNamesBoth(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module()
	_, err := f.Put(t.Context(), bytes.NewReader(data), hashOf(nil))
	for _, hash := range []string{hashOf(data), hashOf(nil)} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(hash)) {
			t.Errorf("%v does not name %s", err, hash)
		}
	}
}

// A disk that cannot be written stands for a full one: both are errors of write.
func TestPutWithoutADiskIsIndefinite(t *testing.T) {
	f := newFixture(t)
	if err := os.RemoveAll(filepath.Join(f.o.Dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	_, err := f.Put(t.Context(), bytes.NewReader(wasmtest.Module()), "")
	if got := failure.Of(err); err == nil || got.Reason != failure.StoreFailed || got.Definite {
		t.Errorf("Put = %v", err)
	}
}

func TestOpenFileOfTheUnknown(t *testing.T) {
	f := newFixture(t)
	if _, _, err := f.OpenFile(hashOf(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenFile = %v, want fs.ErrNotExist", err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	f := newFixture(t)
	infos := []module.Info{f.put("a"), f.put("b"), f.put("c")}
	before, _ := f.Use(infos[0].SHA256)
	if err := f.Remember("reg.example/x@sha256:1", infos[1].SHA256); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(f.o.Dir, "tmp", "module-1"), "half of it")
	usage := f.Usage()
	f.restart()

	for _, want := range infos {
		if got, _ := f.Lookup(want.SHA256); got != want {
			t.Errorf("Lookup = %+v, want %+v", got, want)
		}
		f.serve(want.SHA256)
	}
	after, _ := f.Use(infos[0].SHA256)
	if !after.FetchedAt.Equal(before.FetchedAt) || f.Usage() != usage || f.temporary() != nil {
		t.Errorf("fetched %s, was %s; %+v, was %+v; temporary %v", after.FetchedAt, before.FetchedAt, f.Usage(), usage, f.temporary())
	}
	if got, ok := f.Recall("reg.example/x@sha256:1"); !ok || got != infos[1].SHA256 {
		t.Errorf("Recall = %q, %v", got, ok)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRestartExaminesWhatHasNoRecord(t *testing.T) {
	breaks := map[string]func(t *testing.T, record string){
		"gone":  func(t *testing.T, record string) { remove(t, record) },
		"empty": func(t *testing.T, record string) { writeFile(t, record, "") },
		"of other": func(t *testing.T, record string) {
			writeFile(t, record, `{"size":1,"abi":"9","fetchedAt":"2026-01-01T00:00:00Z"}`)
		},
		"lying": func(t *testing.T, record string) { writeFile(t, record, `{"size":-1}`) },
	}
	for name, damage := range breaks {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			want := f.put("x")
			damage(t, f.path(want.SHA256)+".json")
			f.restart()
			if got, _ := f.Lookup(want.SHA256); got != want {
				t.Errorf("Lookup = %+v, want %+v", got, want)
			}
			f.restart() // the record is whole again
			if got, _ := f.Lookup(want.SHA256); got != want {
				t.Errorf("after another restart: %+v, want %+v", got, want)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestRestartDropsWhatIsNoModule(t *testing.T) {
	f := newFixture(t)
	orphan, liar := f.put("orphan").SHA256, hashOf([]byte("liar"))
	remove(t, f.path(orphan))
	writeFile(t, f.path(liar), string(wasmtest.Module()))
	writeFile(t, f.path("README"), "not ours")
	f.restart()

	files, err := os.ReadDir(filepath.Join(f.o.Dir, "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Usage() != (store.Usage{}) || len(files) != 1 || files[0].Name() != "README" {
		t.Errorf("usage %+v, files %v", f.Usage(), files)
	}
}

func TestDamageIsNeverServed(t *testing.T) {
	damages := map[string]func(t *testing.T, path string, size int64){
		"a flipped byte after a restart": func(t *testing.T, path string, size int64) { flip(t, path, size-1) },
		"cut short":                      func(t *testing.T, path string, size int64) { truncate(t, path, size-1) },
		"removed":                        func(t *testing.T, path string, _ int64) { remove(t, path) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			info := f.put("x")
			f.restart()
			damage(t, f.path(info.SHA256), info.Size)
			if _, _, err := f.OpenFile(info.SHA256); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("OpenFile = %v, want fs.ErrNotExist", err)
			}
			if _, found := f.Lookup(info.SHA256); found {
				t.Error("the store still vouches for it")
			}
			f.put("x")
			f.serve(info.SHA256)
		})
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ 1}, at); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, "")
	if _, err := store.Open(store.Options{Dir: path}); err == nil {
		t.Error("a file was opened as a store")
	}
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
