// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
)

// pushed puts the module into a registry, and returns the image.
func pushed(t *testing.T, format string) string {
	t.Helper()
	image := newRegistry(t) + "/team/a:v1"
	source := filepath.Join(t.TempDir(), "source.wasm")
	write(t, source, wasm)
	succeed(t, "push", image, "-f", source, "--format", format)
	return image
}

func TestPullWritesToTheOutput(t *testing.T) {
	for _, format := range []string{"image", "binary"} {
		t.Run(format, func(t *testing.T) {
			image := pushed(t, format)
			dir := at(t)
			if err := os.Mkdir("sub", 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, "linked.wasm", []byte("old"))
			if err := os.Symlink("linked.wasm", "link.wasm"); err != nil {
				t.Fatal(err)
			}
			for output, location := range map[string]string{
				"filter.wasm": "filter.wasm", "a.wasm": "a.wasm", "sub": "sub/filter.wasm", "sub/b.wasm": "sub/b.wasm",
				"json": "json", "link.wasm": "link.wasm", dir + "/c": "c",
			} {
				want := fmt.Sprintf("Pulled %s\nSha256: %s\nLocation: %s/%s\n", image, sum(wasm), dir, location)
				if diff := cmp.Diff(want, succeed(t, "pull", image, "-f", output)); diff != "" {
					t.Errorf("-f %s (-want +got)\n%s", output, diff)
				}
				if read(t, location) != string(wasm) {
					t.Errorf("-f %s wrote something else", output)
				}
			}
			if read(t, "linked.wasm") != string(wasm) {
				t.Error("the link was not followed")
			}
			if left, _ := filepath.Glob(".wasmc-*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestPullToStandardOutput(t *testing.T) {
	image := pushed(t, "binary")
	at(t)
	expect(t, result{
		Out: string(wasm),
		Err: fmt.Sprintf("Pulled %s\nSha256: %s\nLocation: -\n", image, sum(wasm)),
	}, wasmc(t, "", "pull", image, "-f", "-"))
}

func TestPullForScripts(t *testing.T) {
	image := pushed(t, "binary")
	dir := at(t)
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	found, err := remote.Get(ref)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{
  "reference": "%[1]s@%[2]s",
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "digest": "%[2]s",
  "size": %[3]d,
  "sha256": "%[4]s",
  "location": "%[5]s/filter.wasm",
  "format": "binary",
  "abi": "0.2.1"
}
`, strings.TrimSuffix(image, ":v1"), found.Digest, len(wasm), sum(wasm), dir)
	if diff := cmp.Diff(want, succeed(t, "pull", image, "-o", "json")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A file that is there already stays as it was when a pull fails.
func TestPullKeepsTheOldFileWhenItFails(t *testing.T) {
	at(t)
	write(t, "filter.wasm", []byte("old"))
	damage := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				next.ServeHTTP(w, r)
				return
			}
			recorded := httptest.NewRecorder()
			next.ServeHTTP(recorded, r)
			body := recorded.Body.Bytes()
			body[len(body)-1] ^= 0xff
			w.Write(body)
		})
	}
	host := newRegistry(t, damage)
	write(t, "a.wasm", wasm)
	succeed(t, "push", host+"/team/a:v1", "-f", "a.wasm", "--format", "binary")
	for _, output := range []string{"filter.wasm", "-"} {
		got := wasmc(t, "", "pull", host+"/team/a:v1", "-f", output)
		if got.Code != exitFailed || got.Out != "" || !strings.Contains(got.Err, "the registry's copy is damaged") {
			t.Errorf("-f %s: %+v", output, got)
		}
	}
	if read(t, "filter.wasm") != "old" {
		t.Error("the file was overwritten")
	}
	if left, _ := filepath.Glob(".wasmc-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A registry cannot send another image for a digest by calling it schema 1.
func TestPullByDigestIsBinding(t *testing.T) {
	at(t)
	host := newRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, digest, pinned := strings.Cut(r.URL.Path, "/manifests/")
			if !pinned {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
			w.Header().Set("Docker-Content-Digest", digest)
			fmt.Fprint(w, `{"schemaVersion":2,"layers":[]}`)
		})
	})
	got := wasmc(t, "", "pull", host+"/team/a@sha256:"+strings.Repeat("0", 64))
	if got.Code != exitFailed || got.Out != "" || !strings.Contains(got.Err, "schema 1") {
		t.Errorf("%+v", got)
	}
}

func TestPullRefuses(t *testing.T) {
	host := newRegistry(t)
	at(t)
	put(t, host+"/team/text:v1", "text/plain", "hello")
	tests := []struct {
		name string
		args []string
		err  string
		hint string
	}{
		{"no such image", []string{host + "/team/none:v1"},
			"GET http://" + host + "/v2/team/none/manifests/v1: NAME_UNKNOWN: Unknown name",
			"check the name and the tag; some registries also hide what one may not read"},
		{"no module", []string{host + "/team/text:v1"},
			`no WebAssembly module in the image, whose layers are "text/plain": push it with wasmc push, or put the module as plugin.wasm into the last layer`, ""},
		{"a device", []string{host + "/team/text:v1", "-f", "/dev/null"},
			"/dev/null is neither a file nor a directory: use -f - for standard output", ""},
		{"no such directory", []string{host + "/team/text:v1", "-f", "none/a.wasm"}, "the directory none does not exist: create it, or name another file", ""},
		{"no such directory to write into", []string{host + "/team/text:v1", "-f", "none/"}, "the directory none does not exist: create it, or name another file", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := wasmc(t, "", append([]string{"pull"}, tt.args...)...)
			want := result{Code: exitFailed, Err: fmt.Sprintf("wasmc: pull %s: %s\n", tt.args[0], tt.err)}
			if tt.hint != "" {
				want.Err += "hint: " + tt.hint + "\n"
			}
			expect(t, want, got)
		})
	}
}

// put pushes an image with one layer.
func put(t *testing.T, image, mediaType, content string) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte(content), "text/plain"))
	if mediaType != "text/plain" {
		img, err = mutate.AppendLayers(empty.Image, static.NewLayer([]byte(content), "application/wasm"))
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPullTakesTheWasmChildOfAnIndex(t *testing.T) {
	host := newRegistry(t)
	at(t)
	other := put(t, host+"/team/other:v1", "text/plain", "hello")
	plugin := put(t, host+"/team/plugin:v1", "application/wasm", string(wasm))
	idx := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: plugin, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "wasip1", Architecture: "wasm"}}})
	ref, err := name.ParseReference(host + "/team/index:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, idx); err != nil {
		t.Fatal(err)
	}
	if out := succeed(t, "pull", ref.String()); !strings.Contains(out, sum(wasm)) {
		t.Errorf("pulled %q", out)
	}
}

func TestInterruptEndsACommand(t *testing.T) {
	at(t)
	release := make(chan struct{})
	reached := make(chan struct{}, 16)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	var out, errs strings.Builder
	begun := time.Now()
	code := run(ctx, streams{In: strings.NewReader(""), Out: &out, Err: &errs}, plainName,
		[]string{"pull", strings.TrimPrefix(server.URL, "http://") + "/team/a:v1"})
	expect(t, result{exitFailed, "", "wasmc: interrupted\n"}, result{code, out.String(), errs.String()})
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
