// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

func TestOpenFileOfTheUnknown(t *testing.T) {
	f := newFixture(t)
	if _, _, err := f.OpenFile(hashOf(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenFile = %v, want fs.ErrNotExist", err)
	}
}

func TestDamageIsNeverServed(t *testing.T) {
	damages := map[string]func(t *testing.T, path string, size int64){
		"a flipped byte after a restart": func(t *testing.T, path string, size int64) { flip(t, path, size-1) },
		"zeros":                          zero,
		"cut short":                      func(t *testing.T, path string, size int64) { truncate(t, path, size-1) },
		"empty":                          func(t *testing.T, path string, _ int64) { truncate(t, path, 0) },
		"longer":                         func(t *testing.T, path string, size int64) { truncate(t, path, size+1) },
		"removed":                        func(t *testing.T, path string, _ int64) { remove(t, path) },
		"a directory": func(t *testing.T, path string, _ int64) {
			remove(t, path)
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			info := f.put("x")
			f.restart()
			damage(t, f.path(info.SHA256), info.Size)
			for range 2 {
				if _, _, err := f.OpenFile(info.SHA256); !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("OpenFile = %v, want fs.ErrNotExist", err)
				}
			}
			if _, found := f.Lookup(info.SHA256); found || f.Usage() != (store.Usage{}) {
				t.Errorf("the index has it: %+v", f.Usage())
			}
			if files := f.files(); files != nil {
				t.Errorf("files are left: %v", files)
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

// zero leaves a file's size, as a file system may after a loss of power.
func zero(t *testing.T, path string, size int64) {
	t.Helper()
	truncate(t, path, 0)
	truncate(t, path, size)
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// The hash is computed once, not at each request.
func TestAModuleIsHashedOnce(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	f.restart()
	f.serve(info.SHA256)
	flip(t, f.path(info.SHA256), info.Size-1)
	if got := f.serve(info.SHA256); hashOf(got) == info.SHA256 {
		t.Error("the file was not changed")
	}
}

func TestManyOpenAModuleAfterARestart(t *testing.T) {
	f := newFixture(t)
	f.o.Now = time.Now // the fixture's clock is for one goroutine
	info := f.put("x")
	f.restart()
	var opened sync.WaitGroup
	for range 16 {
		opened.Go(func() {
			file, got, err := f.OpenFile(info.SHA256)
			if err != nil || got != info {
				t.Errorf("OpenFile = %+v, %v", got, err)
				return
			}
			file.Close()
		})
	}
	opened.Wait()
}

// A module that was damaged and then put again is served.
func TestDamageThatIsRepairedIsServed(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	f.restart()
	flip(t, f.path(info.SHA256), 100)
	f.put("x")
	f.serve(info.SHA256)
}

// The last use is written to disk once a minute at most.
func TestLastUseIsWrittenSeldom(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	written := func() time.Time {
		stat, err := os.Stat(f.path(info.SHA256))
		if err != nil {
			t.Fatal(err)
		}
		return stat.ModTime()
	}
	first := written()
	f.now = f.now.Add(59 * time.Second)
	f.serve(info.SHA256)
	if got := written(); !got.Equal(first) {
		t.Errorf("written %s after %s", got, first)
	}
	f.now = f.now.Add(time.Second)
	f.serve(info.SHA256)
	if got := written(); !got.Equal(f.now) {
		t.Errorf("written %s, want %s", got, f.now)
	}
}

// An error that proves nothing about the module keeps it.
func TestOpenFileKeepsWhatItCannotOpen(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	path := f.path(info.SHA256)
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path); err != nil { // ELOOP
		t.Fatal(err)
	}
	if _, _, err := f.OpenFile(info.SHA256); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenFile = %v, want an error other than fs.ErrNotExist", err)
	}
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	if data := f.serve(info.SHA256); hashOf(data) != hashOf(wasmtest.Module(wasmtest.Salt("x"))) {
		t.Error("another module is served")
	}
}
