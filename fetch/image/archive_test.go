// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
)

// archiveOf packs entries as they are, each regular file with the content "1".
func archiveOf(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, header := range headers {
		if header.Typeflag == 0 || header.Typeflag == tar.TypeReg {
			header.Size = 1
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Size == 1 {
			if _, err := io.WriteString(w, "1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// found is where a module was found in an image of one layer, or why not.
type found struct {
	Path, Content string
	Refused       refusal
}

func find(t *testing.T, content []byte) found {
	t.Helper()
	img := (&testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{ociLayer(content)}}).Build(t)
	stream, err := image.Open(t.Context(), img, 1024)
	if err != nil {
		return found{Refused: refusalOf(err)}
	}
	defer stream.Close()
	read, err := io.ReadAll(stream)
	return found{stream.Path, string(read), refusalOf(err)}
}

func notFound() found {
	return found{Refused: unsupported(`no WebAssembly module in the image, whose layers are "application/vnd.oci.image.layer.v1.tar+gzip"` + remedy)}
}

// A path is the module's by its last element, however it is written.
func TestPathsInArchives(t *testing.T) {
	long := strings.Repeat("d/", 150)
	tests := []struct{ name, path string }{
		{"plugin.wasm", "plugin.wasm"}, {"./plugin.wasm", "plugin.wasm"}, {"/plugin.wasm", "plugin.wasm"}, {"//a//plugin.wasm", "a/plugin.wasm"},
		{"../../plugin.wasm", "plugin.wasm"}, {"a/../../b/plugin.wasm", "b/plugin.wasm"}, {"a/./plugin.wasm", "a/plugin.wasm"},
		{"größe/plugin.wasm", "größe/plugin.wasm"}, {long + "plugin.wasm", long + "plugin.wasm"}, {long + "x.wasm", long + "x.wasm"},
		{"\x1b[2J.wasm", "\x1b[2J.wasm"}, {".wasm", ".wasm"}, {"a/.wasm", "a/.wasm"}, {"a.wasm.wasm", "a.wasm.wasm"},
		{"plugin.WASM", ""}, {"plugin.wasm.gz", ""}, {"plugin.wasm~", ""}, {"plugin.wat", ""}, {"wasm", ""}, {"._plugin.wasm", ""}, {"a/._b.wasm", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := found{Path: tt.path, Content: "1"}
			if tt.path == "" {
				want = notFound()
			}
			if diff := cmp.Diff(want, find(t, archiveOf(t, tar.Header{Name: tt.name}))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Only a regular file is a module, whatever its name.
func TestKindsOfEntries(t *testing.T) {
	refused := func(text string) found { return found{Refused: unsupported(text)} }
	link := refused(`"plugin.wasm" is a link to "../x", and links are not followed: put the file itself there`)
	tests := []struct {
		typeflag byte
		want     found
	}{
		{tar.TypeReg, found{Path: "plugin.wasm", Content: "1"}},
		{tar.TypeLink, link},
		{tar.TypeSymlink, link},
		{tar.TypeChar, refused(`"plugin.wasm" is not a regular file (tar type '3')`)},
		{tar.TypeBlock, refused(`"plugin.wasm" is not a regular file (tar type '4')`)},
		{tar.TypeFifo, refused(`"plugin.wasm" is not a regular file (tar type '6')`)},
		{tar.TypeDir, notFound()},
		{'V', refused(`"plugin.wasm" is not a regular file (tar type 'V')`)},
	}
	for _, tt := range tests {
		t.Run(string(rune(tt.typeflag)), func(t *testing.T) {
			header := tar.Header{Name: "plugin.wasm", Typeflag: tt.typeflag}
			if tt.typeflag == tar.TypeLink || tt.typeflag == tar.TypeSymlink {
				header.Linkname = "../x"
			}
			if diff := cmp.Diff(tt.want, find(t, archiveOf(t, header))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if tt.typeflag == tar.TypeReg {
				return
			}
			// Beside a regular file of another name, only plugin.wasm itself is refused.
			header.Name = "other.wasm"
			beside := archiveOf(t, header, tar.Header{Name: "main.wasm"})
			if diff := cmp.Diff(found{Path: "main.wasm", Content: "1"}, find(t, beside)); diff != "" {
				t.Errorf("beside a file (-want +got)\n%s", diff)
			}
			// Behind plugin.wasm, nothing irregular makes the archive ambiguous.
			header.Name = "other/plugin.wasm"
			behind := archiveOf(t, tar.Header{Name: "plugin.wasm"}, header)
			if diff := cmp.Diff(found{Path: "plugin.wasm", Content: "1"}, find(t, behind)); diff != "" {
				t.Errorf("behind plugin.wasm (-want +got)\n%s", diff)
			}
		})
	}
}

// The formats of tar differ in how they write long names and sizes, not in what is found.
func TestFormatsOfTar(t *testing.T) {
	long := strings.Repeat("d/", 80) + "plugin.wasm"
	tests := map[string]tar.Header{
		"ustar":            {Name: "plugin.wasm", Format: tar.FormatUSTAR},
		"ustar, prefix":    {Name: long, Format: tar.FormatUSTAR},
		"GNU":              {Name: "plugin.wasm", Format: tar.FormatGNU},
		"GNU, long name":   {Name: strings.Repeat("d", 300) + "/plugin.wasm", Format: tar.FormatGNU},
		"PAX":              {Name: "plugin.wasm", Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.key": "value"}},
		"PAX, long name":   {Name: strings.Repeat("ö", 300) + "/plugin.wasm", Format: tar.FormatPAX},
		"PAX, attributes":  {Name: "plugin.wasm", Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "\x00\xff"}},
		"owner and times":  {Name: "plugin.wasm", Uid: 1 << 30, Gid: 1 << 30, Uname: strings.Repeat("u", 100)},
		"an odd file mode": {Name: "plugin.wasm", Mode: 0o7777},
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(found{Path: header.Name, Content: "1"}, find(t, archiveOf(t, header))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("a global header in front", func(t *testing.T) {
		global := tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "0123"}}
		if diff := cmp.Diff(found{Path: "a.wasm", Content: "1"}, find(t, archiveOf(t, global, tar.Header{Name: "a.wasm"}))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	t.Run("without a magic number", func(t *testing.T) {
		v7 := archiveOf(t, tar.Header{Name: "plugin.wasm"})
		copy(v7[257:265], make([]byte, 8))
		if diff := cmp.Diff(notFound(), find(t, v7)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// sparse is a GNU sparse file of that size which holds no byte of data.
func sparse(name string, size int64) []byte {
	header := tarHeader(name, 0)
	copy(header[257:265], "ustar  \x00")
	header[156] = tar.TypeGNUSparse
	copy(header[386:410], fmt.Sprintf("%011o\x00%011o\x00", size, 0)) // the one fragment, at the end, of 0 bytes
	copy(header[483:495], fmt.Sprintf("%011o\x00", size))
	copy(header[148:156], "        ")
	var sum int
	for _, b := range header[:512] {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return append(header[:512], make([]byte, 1024)...)
}

// A sparse file is as large as what it unpacks to, not as what the archive holds.
func TestSparseFiles(t *testing.T) {
	if diff := cmp.Diff(found{Path: "plugin.wasm", Content: strings.Repeat("\x00", 1000)}, find(t, sparse("plugin.wasm", 1000))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, size := range []int64{1025, 1 << 30} {
		want := found{Refused: refusal{v1alpha1.ReasonTooLarge, true, tooLarge}}
		if diff := cmp.Diff(want, find(t, sparse("plugin.wasm", size))); diff != "" {
			t.Errorf("of %d bytes (-want +got)\n%s", size, diff)
		}
	}
	// In front of the module it costs nothing, however large it says it is.
	behind := append(sparse("hole", 1<<30)[:512], tarOf("plugin.wasm", "1")...)
	if diff := cmp.Diff(found{Path: "plugin.wasm", Content: "1"}, find(t, behind)); diff != "" {
		t.Errorf("behind a hole (-want +got)\n%s", diff)
	}
}

// One level of compression and one archive are unpacked, no more.
func TestNestedArchives(t *testing.T) {
	inner := tarOf("plugin.wasm", "1")
	tests := []struct {
		name    string
		content []byte
		want    found
	}{
		{"an archive in an archive", tarOf("inner.tar", string(inner)), notFound()},
		{"a compressed archive in an archive", tarOf("plugin.wasm.gz", string(gzipOf(inner))), notFound()},
		{"an archive named plugin.wasm", tarOf("plugin.wasm", "\x1f\x8b"), found{Path: "plugin.wasm", Content: "\x1f\x8b"}},
		{"gzip in gzip", gzipOf(gzipOf(inner)), notFound()},
		{"gzip in zstd", zstdOf(gzipOf(inner)), notFound()},
		{"two archives, one behind the other", append(bytes.Clone(inner), tarOf("plugin.wasm", "2")...), found{Path: "plugin.wasm", Content: "1"}},
		{"two archives, joined", append(trimmed(tarOf("README", "x")), inner...), found{Path: "plugin.wasm", Content: "1"}},
		{"an empty archive", tarOf(), notFound()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, find(t, tt.content)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A whiteout deletes from the layers below its own, and from those alone.
func TestWhiteouts(t *testing.T) {
	const deleted = ""
	tests := []struct {
		name   string
		layers [][]string // from the bottom, each files and contents in turn
		want   string     // path of the module
	}{
		{"in the same layer", [][]string{{"app/.wh.main.wasm", "", "app/main.wasm", "1"}}, "app/main.wasm"},
		{"opaque, in the same layer", [][]string{{"app/.wh..wh..opq", "", "app/main.wasm", "1"}}, "app/main.wasm"},
		{"in a layer below", [][]string{{".wh.main.wasm", ""}, {"main.wasm", "1"}}, "main.wasm"},
		{"in the layer above", [][]string{{"main.wasm", "1"}, {".wh.main.wasm", ""}}, deleted},
		{"two layers above", [][]string{{"main.wasm", "1"}, {"a", ""}, {".wh.main.wasm", ""}}, deleted},
		{"of the directory", [][]string{{"a/b/main.wasm", "1"}, {"a/.wh.b", ""}}, deleted},
		{"opaque", [][]string{{"a/b/main.wasm", "1"}, {"a/.wh..wh..opq", ""}}, deleted},
		{"opaque, of another directory", [][]string{{"a/main.wasm", "1"}, {"b/.wh..wh..opq", ""}}, "a/main.wasm"},
		{"opaque, of a directory below", [][]string{{"a/main.wasm", "1"}, {"a/b/.wh..wh..opq", ""}}, "a/main.wasm"},
		{"of a name that begins alike", [][]string{{"main.wasm", "1"}, {".wh.main", ""}}, "main.wasm"},
		{"of another path to it", [][]string{{"a/main.wasm", "1"}, {"./a//.wh.main.wasm", ""}}, deleted},
		{"of the other of two", [][]string{{"a.wasm", "1", "b.wasm", "2"}, {".wh.b.wasm", ""}}, "a.wasm"},
		{"deleted, then put back", [][]string{{"main.wasm", "1"}, {".wh.main.wasm", ""}, {"main.wasm", "2"}}, "main.wasm"},
		{"of everything", [][]string{{"a/main.wasm", "1"}, {".wh..wh..opq", ""}}, deleted},
		{"a whiteout that is called *.wasm", [][]string{{".wh.main.wasm", "1"}}, deleted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := &testImage{ConfigType: types.OCIConfigJSON}
			for _, files := range tt.layers {
				img.Layers = append(img.Layers, ociLayer(tarOf(files...)))
			}
			stream, err := image.Open(t.Context(), img.Build(t), 1024)
			if tt.want == deleted {
				if got := refusalOf(err); !strings.HasPrefix(got.Message, "no WebAssembly module in the image") {
					t.Errorf("got %+v", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			if stream.Path != tt.want {
				t.Errorf("found %s, want %s", stream.Path, tt.want)
			}
		})
	}
}
