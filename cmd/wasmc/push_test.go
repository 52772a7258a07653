// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// digestOf takes the digest out of what push printed.
func digestOf(t *testing.T, out string) string {
	t.Helper()
	_, digest, ok := strings.Cut(out, "Digest: ")
	if !ok {
		t.Fatalf("no digest in %q", out)
	}
	return strings.TrimSpace(digest)
}

func TestPushAndPullPrintTheTutorialsLines(t *testing.T) {
	dir, host := at(t), newRegistry(t)
	write(t, "example.wasm", wasm)
	image := host + "/team/wasm-add-header:v0.3"

	pushed := wasmc(t, "", "push", image, "-f", "./example.wasm")
	digest := digestOf(t, pushed.Out)
	expect(t, result{Out: fmt.Sprintf("Pushed %s\nDigest: %s\n", image, digest)}, pushed)

	pulled := wasmc(t, "", "pull", image)
	expect(t, result{Out: fmt.Sprintf("Pulled %s\nSha256: %s\nLocation: %s/filter.wasm\n", image, sum(wasm), dir)}, pulled)
	if got := read(t, "filter.wasm"); got != string(wasm) {
		t.Errorf("pulled %d bytes that are not what was pushed", len(got))
	}

	byDigest := host + "/team/wasm-add-header@" + digest
	if got := succeed(t, "pull", byDigest); !strings.Contains(got, sum(wasm)) {
		t.Errorf("pull by the printed digest = %q", got)
	}
}

func TestPushIsReproducible(t *testing.T) {
	at(t)
	write(t, "a.wasm", wasm)
	digests := map[string]string{}
	for _, format := range []string{"image", "binary"} {
		for i, host := range []string{newRegistry(t), newRegistry(t)} {
			first := digestOf(t, succeed(t, "push", fmt.Sprintf("%s/team/a:v%d", host, i), "-f", "a.wasm", "--format", format))
			again := wasmc(t, string(wasm), "push", host+"/other/b:v1", "-f", "-", "--format", format)
			if digestOf(t, again.Out) != first {
				t.Errorf("%s: %s, then %s", format, first, again.Out)
			}
			if known := digests[format]; known != "" && known != first {
				t.Errorf("%s: %s at one registry, %s at another", format, known, first)
			}
			digests[format] = first
		}
	}
	if digests["image"] == digests["binary"] {
		t.Error("both formats have the same digest")
	}
}

func TestPushForScripts(t *testing.T) {
	at(t)
	host := newRegistry(t)
	write(t, "a.wasm", wasm)
	out := succeed(t, "push", host+"/team/a:v1", "-f", "a.wasm", "-o", "json")
	digest := digestOf(t, succeed(t, "push", host+"/team/a:v1", "-f", "a.wasm"))
	want := fmt.Sprintf(`{
  "reference": "%[1]s/team/a@%[2]s",
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "digest": "%[2]s",
  "size": %[3]d,
  "sha256": "%[4]s",
  "format": "image",
  "abi": "0.2.1"
}
`, host, digest, len(wasm), sum(wasm))
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Push refuses what admission would, in the same words.
func TestPushRefusesWhatEnvoyCannotLoad(t *testing.T) {
	at(t)
	host := newRegistry(t)
	for name, content := range map[string][]byte{
		"no ABI": wasmtest.NoABI(), "no allocator": wasmtest.NoAllocator(), "a component": wasmtest.Component(),
		"not wasm": wasmtest.NotWasm(), "an unknown import": wasmtest.UnknownImport("env", "proxy_frobnicate"), "empty": nil,
	} {
		t.Run(name, func(t *testing.T) {
			write(t, "bad.wasm", content)
			_, refusal := module.Inspect(bytes.NewReader(content), int64(len(content)))
			got := wasmc(t, "", "push", host+"/team/bad:v1", "-f", "bad.wasm")
			expect(t, result{Code: exitFailed, Err: fmt.Sprintf("wasmc: push %s/team/bad:v1: bad.wasm: %s\n", host, refusal)}, got)

			succeed(t, "push", host+"/team/bad:v1", "-f", "bad.wasm", "--skip-check")
			pulled := wasmc(t, "", "pull", host+"/team/bad:v1")
			expect(t, result{
				Out: fmt.Sprintf("Pulled %s/team/bad:v1\nSha256: %s\nLocation: %s/filter.wasm\n", host, sum(content), source(t)),
				Err: fmt.Sprintf("warning: Envoy cannot load this file: %s\n", refusal),
			}, pulled)
		})
	}
}

func TestPushRefusesWhatIsTooLarge(t *testing.T) {
	at(t)
	host := newRegistry(t)
	write(t, "big.wasm", wasmtest.Module(wasmtest.Padding(module.MaxSize+1)))
	got := wasmc(t, "", "push", host+"/team/big:v1", "-f", "big.wasm")
	expect(t, result{Code: exitFailed, Err: fmt.Sprintf(
		"wasmc: push %s/team/big:v1: read the module: the module is larger than the limit of 32 MiB: build it smaller, stripped of debug sections and optimised for size\n", host)}, got)
}

func TestPushHints(t *testing.T) {
	at(t)
	write(t, "a.wasm", wasm)
	tests := []struct {
		name    string
		wrapper func(http.Handler) http.Handler
		hint    string
	}{
		{"unauthorized", private("u", "p"), "hint: log in first: wasmc login HOST -u USER\n"},
		{"forbidden", answering(http.StatusForbidden, http.MethodPut, "/manifests/"), "hint: check that you may push there; some registries take only images: try --format image\n"},
		{"method not allowed", answering(http.StatusMethodNotAllowed, http.MethodPut, "/manifests/"), "hint: check that you may push there; some registries take only images: try --format image\n"},
		{"unsupported type", answering(http.StatusUnsupportedMediaType, http.MethodPut, "/manifests/"), "hint: check that you may push there; some registries take only images: try --format image\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			host := newRegistry(t, tt.wrapper)
			got := wasmc(t, "", "push", host+"/team/a:v1", "-f", "a.wasm", "--format", "binary")
			if got.Code != exitFailed || got.Out != "" {
				t.Errorf("code %d, output %q", got.Code, got.Out)
			}
			lines := strings.SplitAfter(got.Err, "\n")
			if len(lines) != 3 || !strings.HasPrefix(lines[0], "wasmc: push "+host+"/team/a:v1: ") {
				t.Fatalf("standard error = %q", got.Err)
			}
			if want := strings.ReplaceAll(tt.hint, "HOST", host); lines[1] != want {
				t.Errorf("hint = %q, want %q", lines[1], want)
			}
		})
	}
}
