// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
)

// blobs are seeds: every packing, good and bad.
func blobs() [][]byte {
	return [][]byte{
		nil, wasm, gzipOf(wasm), zstdOf(wasm), tarOf("plugin.wasm", "1"), gzipOf(tarOf("a.wasm", "1", "b.wasm", "2")),
		zstdOf(tarOf("a", "1", "plugin.wasm", "2")), tarHeader("plugin.wasm", 1<<60), tarLink(tar.TypeSymlink, "plugin.wasm", "x"),
		truncated(gzipOf(wasm)), gzipOf(gzipOf(wasm)), sparse("plugin.wasm", 1000), sparse("plugin.wasm", 1<<40), zstdFrame(23, wasm), zstdFrame(41, nil),
		append(gzipOf(nil), gzipOf(wasm)...), append(skippable("x"), zstdOf(wasm)...), tarOf("a/.wh..wh..opq", "", ".wh.x", "", "x.wasm", "1"),
		gzipOf(make([]byte, 1<<20)), zstdOf(make([]byte, 1<<20)),
	}
}

// FuzzUnpack holds whatever comes in to its promises: nothing above the limit comes
// out, every failure of bytes in memory is terminal, and neither takes long or much
// memory.
func FuzzUnpack(f *testing.F) {
	for _, seed := range blobs() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		bounded(t, len(content), func() (string, error) { return unpack(content, 1024) })
	})
}

// FuzzOpen does the same with the layers of an image, whose media types may lie.
func FuzzOpen(f *testing.F) {
	for i, seed := range blobs() {
		f.Add(seed, blobs()[(i+7)%len(blobs())], byte(i))
	}
	mediaTypes := []types.MediaType{types.OCILayer, wasmLayer, types.DockerLayer, soloLayer}
	f.Fuzz(func(t *testing.T, lower, upper []byte, how byte) {
		img := (&testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{
			{MediaType: mediaTypes[how&3], Content: lower}, {MediaType: mediaTypes[how>>2&3], Content: upper},
		}}).Build(t)
		bounded(t, len(lower)+len(upper), func() (string, error) {
			content, err := readModule(t, img, 1024)
			return string(content), err
		})
	})
}

// bounded reads a module from that many untrusted bytes, with a limit of 1024.
func bounded(t *testing.T, size int, read func() (string, error)) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	got, err := read()
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	if len(got) > 1024 {
		t.Errorf("%d bytes came out", len(got))
	}
	if f := failure.Of(err); f != nil && (!f.Terminal || f.Error() == "" || len(f.Error()) > 16<<10) {
		t.Errorf("a transient failure, or none to show: %v", err)
	}
	if took > 5*time.Second {
		t.Errorf("%d bytes took %s", size, took)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 64<<20 {
		t.Errorf("%d bytes were allocated for %d", allocated, size)
	}
}

// FuzzManifest reads an image whose manifest is anything, and an index.
func FuzzManifest(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"layers":[` + layersOf(3) + `]}`, `{"manifests":[` + layersOf(2) + `]}`, `{"layers":[{"mediaType":"application/wasm"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		built := (&testImage{Layers: []layer{ociLayer(tarOf("plugin.wasm", "1"))}}).Build(t)
		if stream, err := image.Open(t.Context(), rawImage{built, manifest}, 1024); err == nil {
			_, _ = io.Copy(io.Discard, stream)
			stream.Close()
		}
		if img, err := image.Select(&testIndex{raw: string(manifest)}); err == nil && img == nil {
			t.Error("Select returned neither an image nor an error")
		}
	})
}
