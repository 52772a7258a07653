package store_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"
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
