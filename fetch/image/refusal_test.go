// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// refusal is how an image fails.
type refusal struct {
	Reason   v1alpha1.Reason
	Terminal bool
	Message  string
}

func refusalOf(err error) refusal {
	f := failure.Of(err)
	if f == nil {
		return refusal{}
	}
	return refusal{f.Reason, f.Terminal, f.Error()}
}

func unsupported(message string) refusal {
	return refusal{v1alpha1.ReasonUnsupportedImage, true, message}
}

const (
	remedy     = ": push it with wasmc push, or put the module as plugin.wasm into the last layer"
	tooLarge   = "the module is larger than the limit of 1024 bytes: build it smaller, stripped of debug sections and optimised for size"
	searchLong = "more than 16 times the module limit of 1024 bytes would have to be unpacked: push the module alone, as with wasmc push"
)

func ociLayer(content []byte) layer { return layer{MediaType: types.OCILayer, Content: content} }

func TestModuleRefuses(t *testing.T) {
	big := strings.Repeat("x", 1025)
	tests := []struct {
		name   string
		layers []layer
		want   refusal
	}{
		{"no layers", nil, unsupported("the image has no layers, and so no WebAssembly module" + remedy)},
		{"no module", []layer{
			{MediaType: "application/json", Content: []byte("{}"), Title: "a.json"}, ociLayer(gzipOf(tarOf("etc/passwd", "root")))},
			unsupported(`no WebAssembly module in the image, whose layers are "application/json" titled "a.json", "application/vnd.oci.image.layer.v1.tar+gzip"` + remedy)},
		{"a hostile media type", []layer{{MediaType: types.MediaType("\x1b[2J" + strings.Repeat("x", 200)), Content: []byte("{}")}},
			unsupported(`no WebAssembly module in the image, whose layers are "\x1b[2J` + strings.Repeat("x", 124) + `…"` + remedy)},
		{"several files", []layer{ociLayer(gzipOf(tarOf("a.wasm", "1", "b.wasm", "2")))},
			unsupported(`several WebAssembly modules, "a.wasm", "b.wasm": keep one, or name the one that is meant plugin.wasm and put it first`)},
		{"two plugin.wasm", []layer{ociLayer(gzipOf(tarOf("plugin.wasm", "1", "app/plugin.wasm", "2")))},
			unsupported(`several WebAssembly modules, "plugin.wasm", "app/plugin.wasm": keep one, or name the one that is meant plugin.wasm and put it first`)},
		{"several declared layers", []layer{{MediaType: wasmLayer, Content: []byte("1"), Title: "a"}, {MediaType: wasmLayer, Content: []byte("2")}},
			unsupported(`several WebAssembly layers in the image, "application/wasm" titled "a", "application/wasm": push one module per image, or title the one that is meant plugin.wasm`)},
		{"two layers titled plugin.wasm", []layer{{MediaType: wasmLayer, Content: []byte("1"), Title: "plugin.wasm"}, {MediaType: v1Layer, Content: []byte("2"), Title: "plugin.wasm"}},
			unsupported(`several WebAssembly layers in the image, "application/wasm" titled "plugin.wasm", "application/vnd.wasm.content.layer.v1+wasm" titled "plugin.wasm": push one module per image, or title the one that is meant plugin.wasm`)},
		{"a declared archive without a module", []layer{{MediaType: wasmLayer, Content: tarOf("a.txt", "1")}},
			unsupported(`no WebAssembly module in the image, whose layers are "application/wasm"` + remedy)},
		{"a symbolic link", []layer{ociLayer(tarLink(tar.TypeSymlink, "plugin.wasm", "/etc/shadow"))},
			unsupported(`"plugin.wasm" is a link to "/etc/shadow", and links are not followed: put the file itself there`)},
		{"a hard link under another name", []layer{ociLayer(tarLink(tar.TypeLink, "x.wasm", "../x"))},
			unsupported(`"x.wasm" is a link to "../x", and links are not followed: put the file itself there`)},
		{"a device", []layer{ociLayer(tarLink(tar.TypeBlock, "plugin.wasm", ""))},
			unsupported(`"plugin.wasm" is not a regular file (tar type '4')`)},
		{"a deleted file", []layer{ociLayer(tarOf("app/plugin.wasm", "1")), ociLayer(tarOf("app/.wh.plugin.wasm", ""))},
			unsupported(`no WebAssembly module in the image, whose layers are "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+gzip"` + remedy)},
		{"a deleted directory", []layer{ociLayer(tarOf("app/bin/plugin.wasm", "1")), ociLayer(tarOf(".wh.app", ""))},
			unsupported(`no WebAssembly module in the image, whose layers are "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+gzip"` + remedy)},
		{"an emptied root", []layer{ociLayer(tarOf("plugin.wasm", "1")), ociLayer(tarOf(".wh..wh..opq", ""))},
			unsupported(`no WebAssembly module in the image, whose layers are "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+gzip"` + remedy)},
		{"a long path", []layer{ociLayer(tarOf(strings.Repeat("p", 5000), ""))},
			unsupported("a path in the archive is longer than 4096 bytes")},
		{"a large bare module", []layer{{MediaType: wasmLayer, Content: []byte(big)}}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large sniffed module", []layer{{MediaType: "x/y", Content: []byte("\x00asm" + big)}}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large packed module", []layer{ociLayer(gzipOf(tarOf("plugin.wasm", big)))}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large module of another name", []layer{ociLayer(gzipOf(tarOf("a.wasm", big)))}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large compressed module", []layer{{MediaType: wasmLayer, Content: gzipOf([]byte(big))}}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large zstd module", []layer{{MediaType: wasmLayer, Content: zstdOf([]byte(big))}}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a module that declares 1<<60 bytes", []layer{ociLayer(tarHeader("plugin.wasm", 1<<60))}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a layer that declares 1<<60 bytes", []layer{{MediaType: types.OCILayer, Content: []byte("x"), Size: 1 << 60}}, refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"a declared module of 1<<60 bytes", []layer{{MediaType: wasmLayer, Content: []byte("x"), Size: 1 << 60}}, refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a file in front that declares 1<<60 bytes", []layer{ociLayer(gzipOf(append(tarHeader("a", 1<<60), make([]byte, 20<<10)...)))},
			refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"a bomb in front of the module", []layer{ociLayer(gzipOf(tarOf("a", strings.Repeat("\x00", 1<<20), "plugin.wasm", "1")))},
			refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"a bomb behind the module", []layer{ociLayer(gzipOf(tarOf("plugin.wasm", "1", "a", strings.Repeat("\x00", 1<<20))))},
			refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"a bomb behind the archive", []layer{ociLayer(gzipOf(append(tarOf("plugin.wasm", "1"), make([]byte, 1<<20)...)))},
			refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"bombs in many layers", repeated(100, ociLayer(gzipOf(tarOf("a", strings.Repeat("\x00", 500))))),
			refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"truncated gzip", []layer{ociLayer(truncated(gzipOf(tarOf("plugin.wasm", big[:1000]))))},
			unsupported("unpack layer DIGEST: it is damaged: unexpected EOF")},
		{"a gzip header alone", []layer{ociLayer([]byte("\x1f\x8b\x08"))},
			unsupported("unpack layer DIGEST: it is damaged: unexpected EOF")},
		{"truncated zstd", []layer{ociLayer(truncated(zstdOf(tarOf("plugin.wasm", big[:1000]))))},
			unsupported("unpack layer DIGEST: it is damaged: unexpected EOF")},
		{"truncated tar", []layer{ociLayer(tarOf("plugin.wasm", big[:1000])[:1000])},
			unsupported("unpack layer DIGEST: it is damaged: unexpected EOF")},
		{"a damaged tar", []layer{ociLayer(damaged(tarOf("plugin.wasm", "1")))},
			unsupported("unpack layer DIGEST: it is damaged: archive/tar: invalid tar header")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: tt.layers}
			_, err := readModule(t, img.Build(t), 1024)
			want := tt.want
			if len(tt.layers) > 0 {
				want.Message = strings.ReplaceAll(want.Message, "DIGEST", digestOf(tt.layers[0].Content).String())
			}
			if diff := cmp.Diff(want, refusalOf(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func truncated(content []byte) []byte { return content[:len(content)-len(content)/3] }

func damaged(content []byte) []byte {
	content[0] ^= 0xff // the header's checksum does not hold any more
	return content
}

// repeated makes layers that differ only in what follows the archive.
func repeated(n int, l layer) []layer {
	layers := make([]layer, n)
	for i := range layers {
		layers[i] = l
		layers[i].Content = append(bytes.Clone(l.Content), gzipOf([]byte(fmt.Sprint(i)))...)
	}
	return layers
}

func TestModuleRefusesTooMany(t *testing.T) {
	many := func(n int, name string) []byte {
		var files []string
		for i := range n {
			files = append(files, fmt.Sprintf(name, i), "")
		}
		return gzipOf(tarOf(files...))
	}
	tests := []struct {
		name   string
		layers []layer
		want   refusal
	}{
		{"layers", repeated(129, ociLayer(gzipOf(nil))), unsupported("the image has 129 layers, more than 128" + remedy)},
		{"files", []layer{ociLayer(many(1<<16+1, "f%d"))},
			refusal{v1alpha1.ReasonTooLarge, true, "more than 65536 files would have to be looked at: push the module alone, as with wasmc push"}},
		{"deleted files", []layer{ociLayer(many(1025, ".wh.f%d"))},
			unsupported("the layers delete more than 1024 files: push the module alone, as with wasmc push")},
		{"modules, all of which are not named", []layer{ociLayer(many(40, "%02d.wasm"))},
			unsupported(`several WebAssembly modules, "00.wasm", "01.wasm", "02.wasm", "03.wasm", "04.wasm", "05.wasm", "06.wasm", "07.wasm", ` +
				`"08.wasm", "09.wasm", "10.wasm", "11.wasm", "12.wasm", "13.wasm", "14.wasm", "15.wasm": keep one, or name the one that is meant plugin.wasm and put it first`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: tt.layers}
			_, err := readModule(t, img.Build(t), 32<<20)
			if diff := cmp.Diff(tt.want, refusalOf(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestModuleRefusesABrokenManifest(t *testing.T) {
	img := rawImage{(&testImage{}).Build(t), []byte("{")}
	_, err := readModule(t, img, 1024)
	if diff := cmp.Diff(unsupported("parse the image's manifest: unexpected EOF"), refusalOf(err)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
