// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// endless repeats a pattern for ever.
type endless struct {
	pattern []byte
	read    int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.pattern[(e.read+int64(n))%int64(len(e.pattern)):])
	}
	e.read += int64(n)
	return n, nil
}

// endlessGzip compresses a start, and then zeros for ever.
type endlessGzip struct {
	out bytes.Buffer
	w   *gzip.Writer
}

func newEndlessGzip(start []byte) *endlessGzip {
	e := &endlessGzip{}
	e.w = gzip.NewWriter(&e.out)
	e.write(start)
	return e
}

// write cannot fail: it writes to memory.
func (e *endlessGzip) write(content []byte) {
	if _, err := e.w.Write(content); err != nil {
		panic(err)
	}
	if err := e.w.Flush(); err != nil {
		panic(err)
	}
}

func (e *endlessGzip) Read(p []byte) (int, error) {
	for e.out.Len() == 0 {
		e.write(make([]byte, 1<<16))
	}
	return e.out.Read(p)
}

// counter counts what is read.
type counter struct {
	r    io.Reader
	read int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += n
	return n, err
}

func TestModuleEndsEndlessLayers(t *testing.T) {
	tests := []struct {
		name      string
		mediaType types.MediaType
		source    io.Reader
		want      string
	}{
		{"a module", wasmLayer, &endless{pattern: []byte("\x00asm")}, tooLarge},
		{"a sniffed module", "x/y", &endless{pattern: []byte("\x00asm")}, tooLarge},
		{"zeros in a file", types.OCILayer, newEndlessGzip(tarHeader("f", 1<<60)), searchLong},
		{"zeros in the module", wasmLayer, newEndlessGzip([]byte("\x00asm")), tooLarge},
		{"zeros behind the archive", types.OCILayer, newEndlessGzip(tarOf("plugin.wasm", "1")), searchLong},
		{"compressed nothing", types.OCILayer, &endless{pattern: gzipOf(nil)}, searchLong},
		{"files", types.OCILayer, &endless{pattern: tarHeader("f", 0)}, searchLong},
		{"damage", types.OCILayer, &endless{pattern: []byte("\x1f\x8b\x00")}, searchLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source := &counter{r: tt.source}
			l := layer{MediaType: tt.mediaType, Content: []byte(tt.name), Open: func() io.Reader { return source }}
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{l}}
			_, err := readModule(t, img.Build(t), 1024)
			if diff := cmp.Diff(refusal{v1alpha1.ReasonTooLarge, true, tt.want}, refusalOf(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if source.read > 256<<10 {
				t.Errorf("%d bytes were read", source.read)
			}
		})
	}
}

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
