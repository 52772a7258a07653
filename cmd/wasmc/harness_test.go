// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// result is what a command did.
type result struct {
	Code int
	Out  string
	Err  string
}

// wasmc runs a command as main would.
func wasmc(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), streams{In: strings.NewReader(stdin), Out: &out, Err: &errs}, plainName, args)
	return result{code, out.String(), errs.String()}
}

// at works in an empty directory, with no credentials but those that the test
// makes.
func at(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "DOCKER_CONFIG": filepath.Join(home, "docker"), "XDG_CONFIG_HOME": filepath.Join(home, "config"),
		"XDG_RUNTIME_DIR": "", "REGISTRY_AUTH_FILE": "", "DOCKER_AUTH_CONFIG": "",
	} {
		t.Setenv(name, value)
	}
	return dir
}

// newRegistry starts a registry and returns its host. Each wrapper stands in
// front of it.
func newRegistry(t *testing.T, wrappers ...func(http.Handler) http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler(wrappers...))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func handler(wrappers ...func(http.Handler) http.Handler) http.Handler {
	h := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for _, wrap := range wrappers {
		h = wrap(h)
	}
	return h
}

// private lets in one user.
func private(user, password string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if u, p, _ := r.BasicAuth(); u != user || p != password {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// answering answers the matching requests with a status.
func answering(status int, method, part string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method && strings.Contains(r.URL.Path, part) {
				w.WriteHeader(status)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// expect compares a result as a whole.
func expect(t *testing.T, want, got result) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// succeed runs a command that must not fail, and returns what it printed.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	got := wasmc(t, "", args...)
	if got.Code != exitOK || got.Err != "" {
		t.Fatalf("wasmc %s = %d\n%s", strings.Join(args, " "), got.Code, got.Err)
	}
	return got.Out
}

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, root, name, got string) {
	t.Helper()
	path := filepath.Join(root, "testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, path), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

// source is the directory of this package.
func source(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// wasm is a module that Envoy runs.
var wasm = wasmtest.Module()
