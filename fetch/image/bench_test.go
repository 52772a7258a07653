package image_test

import (
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// BenchmarkModule reads a module of 20 MiB. What it allocates does not grow with
// the module.
func BenchmarkModule(b *testing.B) {
	module := wasmtest.Module(wasmtest.Padding(20 << 20))
	packed := tarOf("plugin.wasm", string(module))
	for name, l := range map[string]layer{
		"raw":      {MediaType: wasmLayer, Content: module},
		"tar+gzip": {MediaType: types.OCILayer, Content: gzipOf(packed)},
		"tar+zstd": {MediaType: types.OCILayerZStd, Content: zstdOf(packed)},
	} {
		b.Run(name, func(b *testing.B) {
			img := (&testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{l}}).Build(b)
			b.SetBytes(int64(len(module)))
			b.ReportAllocs()
			for b.Loop() {
				rc, err := image.Open(b.Context(), img, 32<<20)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, rc); err != nil {
					b.Fatal(err)
				}
				rc.Close()
			}
		})
	}
}
