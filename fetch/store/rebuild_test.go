// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

func TestRestartKeepsEverything(t *testing.T) {
	f := newFixture(t)
	infos := []module.Info{f.put("a"), f.put("b"), f.put("c")}
	before, _ := f.Use(infos[0].SHA256)
	if err := f.AddSource("reg.example/x@sha256:1", infos[1].SHA256); err != nil {
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
	if got, ok := f.LookupSource("reg.example/x@sha256:1"); !ok || got != infos[1].SHA256 {
		t.Errorf("LookupSource = %q, %v", got, ok)
	}
}

func TestRestartExaminesWhatHasNoRecord(t *testing.T) {
	breaks := map[string]func(t *testing.T, record string){
		"gone":  func(t *testing.T, record string) { remove(t, record) },
		"empty": func(t *testing.T, record string) { writeFile(t, record, "") },
		"of other": func(t *testing.T, record string) {
			writeFile(t, record, `{"size":1,"abi":"9","fetchedAt":"2026-01-01T00:00:00Z"}`)
		},
		"lying":    func(t *testing.T, record string) { writeFile(t, record, `{"size":-1}`) },
		"not JSON": func(t *testing.T, record string) { writeFile(t, record, "\x00\x00\x00\x00") },
		"endless": func(t *testing.T, record string) {
			writeFile(t, record, `{"sources":["`+strings.Repeat("k", 5<<20)+`"]}`)
		},
		"of too many sources": func(t *testing.T, record string) {
			content, err := os.ReadFile(record)
			if err != nil {
				t.Fatal(err)
			}
			sources := `,"sources":[` + strings.Repeat(`"k",`, 300) + `"k"]}`
			writeFile(t, record, strings.TrimSuffix(string(content), "}")+sources)
		},
		"half of it": func(t *testing.T, record string) {
			stat, err := os.Stat(record)
			if err != nil {
				t.Fatal(err)
			}
			truncate(t, record, stat.Size()/2)
		},
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
			if sha, ok := f.LookupSource("k"); ok {
				t.Errorf("a source of the broken record is known: %s", sha)
			}
			f.restart() // the record is whole again
			if got, _ := f.Lookup(want.SHA256); got != want {
				t.Errorf("after another restart: %+v, want %+v", got, want)
			}
		})
	}
}

func TestRestartDropsWhatIsNoModule(t *testing.T) {
	f := newFixture(t)
	orphan, liar := f.put("orphan").SHA256, hashOf([]byte("liar"))
	remove(t, f.path(orphan))
	writeFile(t, f.path(liar), string(wasmtest.Module()))
	writeFile(t, f.path(hashOf(wasmtest.NotWasm())), string(wasmtest.NotWasm()))
	writeFile(t, f.path(hashOf(nil)), "")
	writeFile(t, f.path("README"), "not ours")
	f.restart()

	if files := f.files(); f.Usage() != (store.Usage{}) || !slices.Equal(files, []string{"README"}) {
		t.Errorf("usage %+v, files %v", f.Usage(), files)
	}
}

// Only files that the store would write itself are modules: a link may point
// anywhere.
func TestRestartIgnoresLinks(t *testing.T) {
	f := newFixture(t)
	elsewhere := filepath.Join(t.TempDir(), "file")
	writeFile(t, elsewhere, string(wasmtest.Module()))
	link := f.path(hashOf(wasmtest.Module()))
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	f.restart()
	if f.Usage() != (store.Usage{}) {
		t.Errorf("usage %+v", f.Usage())
	}
	if _, err := os.Lstat(link); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

// A limit that was lowered is for what comes; a module without a record is read no
// further than it.
func TestRestartWithALowerLimit(t *testing.T) {
	f := newFixture(t)
	kept, lost := f.put("kept"), f.put("lost")
	remove(t, f.path(lost.SHA256)+".json")
	f.o.MaxModuleBytes = 100
	f.restart()
	f.serve(kept.SHA256)
	if _, ok := f.Lookup(lost.SHA256); ok {
		t.Error("a module above the limit was taken without a record")
	}
}

// What was put by hand is a module like others from then on.
func TestRestartTakesAModuleWithoutARecord(t *testing.T) {
	f := newFixture(t)
	data := wasmtest.Module()
	writeFile(t, f.path(hashOf(data)), string(data))
	f.restart()
	if err := f.AddSource("key", hashOf(data)); err != nil {
		t.Fatal(err)
	}
	f.restart()
	if got, ok := f.LookupSource("key"); !ok || got != hashOf(data) {
		t.Errorf("LookupSource = %q, %v", got, ok)
	}
	if got := f.serve(hashOf(data)); !slices.Equal(got, data) {
		t.Error("another module is served")
	}
	if used, _ := f.Use(hashOf(data)); !used.FetchedAt.Equal(f.now) {
		t.Errorf("fetched %s, want %s", used.FetchedAt, f.now)
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, "")
	if _, err := store.Open(store.Options{Dir: path}); err == nil {
		t.Error("a file was opened as a store")
	}
}
