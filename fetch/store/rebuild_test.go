package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

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

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, "")
	if _, err := store.Open(store.Options{Dir: path}); err == nil {
		t.Error("a file was opened as a store")
	}
}
