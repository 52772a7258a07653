// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
)

// TestCommittedFilters holds each to its source and shows what proxies see of it.
func TestCommittedFilters(t *testing.T) {
	for _, tt := range []struct {
		file, build string
		want        map[string]string
	}{
		{"../add-header-assemblyscript/add-header.wasm", "make wasm-assemblyscript", map[string]string{"abi": "0.2.0", "allocator": "malloc", "newest import since": "2020-10-15"}},
		{"../add-header-rust/add-header.wasm", "make wasm-rust", map[string]string{"abi": "0.2.1", "allocator": "proxy_on_memory_allocate", "newest import since": "2020-10-15"}},
		{"../../host/testdata/cpp/wasi.wasm", "host/testdata/cpp/build.sh", map[string]string{"abi": "0.2.1", "allocator": "malloc", "newest import since": "2020-10-15"}},
		{"../../host/testdata/cpp/emscripten.wasm", "host/testdata/cpp/build.sh", map[string]string{"abi": "0.2.1", "allocator": "malloc", "newest import since": "2022-06-15"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			filter, err := os.ReadFile(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			digest, err := sourceDigest(os.DirFS(filepath.Dir(tt.file)))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasSuffix(filter, mark(digest)) {
				t.Errorf("%s was not built from the files beside it: run %s", tt.file, tt.build)
			}
			if diff := cmp.Diff(tt.want, seen(t, filter)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// seen is what admission sees of a filter.
func seen(t *testing.T, filter []byte) map[string]string {
	t.Helper()
	r, size := bytes.NewReader(filter), int64(len(filter))
	info, err := module.Inspect(r, size)
	if err != nil {
		t.Fatal(err)
	}
	d, err := module.Describe(r, size)
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for _, i := range d.Imports {
		newest = max(newest, i.Since)
	}
	return map[string]string{"abi": info.ABI, "allocator": d.Allocator, "newest import since": newest}
}

func TestSourceDigest(t *testing.T) {
	source := func(change map[string]string) string {
		files := fstest.MapFS{"lock": {Data: []byte("1")}, "src/lib": {Data: []byte("2")}}
		for name, content := range change {
			files[name] = &fstest.MapFile{Data: []byte(content)}
		}
		digest, err := sourceDigest(files)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	plain := source(nil)
	for name, same := range map[string]bool{
		"lock": false, "src/lib": false, "src/more": false, "build.sh": false, "src/target": false,
		"add-header.wasm": true, "README.md": true, "node_modules/x/index.ts": true, "target/release/x": true, ".gitignore": true,
	} {
		if got := source(map[string]string{name: "changed"}); (got == plain) != same {
			t.Errorf("with another %s: the digest %s, before %s, want the same: %t", name, got, plain, same)
		}
	}
	if source(map[string]string{"a": "1\n2", "b": ""}) == source(map[string]string{"a": "1", "b": "\n2"}) {
		t.Error("the digest does not part one file from the next")
	}
}

func TestMarkFiles(t *testing.T) {
	dir := t.TempDir()
	requireError(t, markFiles(dir), "there is no *.wasm in "+dir)
	file := filepath.Join(dir, "a.wasm")
	for name, content := range map[string]string{"a.wasm": "\x00asm\x01\x00\x00\x00", "source": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := markFiles(dir); err != nil {
		t.Fatal(err)
	}
	marked, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := module.Describe(bytes.NewReader(marked), int64(len(marked))); err != nil {
		t.Error(err)
	}
	digest, found := strings.CutPrefix(string(marked), "\x00asm\x01\x00\x00\x00\x00\x50\x0f"+section)
	if !found || len(digest) != 64 {
		t.Errorf("the marked module is %q, want one custom section %s of 64 bytes", marked, section)
	}
	requireError(t, markFiles(dir), "has a mark already")
}

func requireError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %q", err, want)
	}
}
