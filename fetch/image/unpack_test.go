// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
)

func unpack(content []byte, max int64) (string, error) {
	rc, err := image.Unpack(bytes.NewReader(content), max)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	return string(got), err
}

func TestUnpack(t *testing.T) {
	module := string(wasm)
	big := strings.Repeat("x", 1025)
	several := func(names string) refusal {
		return unsupported("several WebAssembly modules, " + names + ": keep one, or name the one that is meant plugin.wasm and put it first")
	}
	tests := []struct {
		name    string
		content []byte
		want    string
		refused refusal
	}{
		{"bare", wasm, module, refusal{}},
		{"empty", nil, "", refusal{}},
		{"anything, for the inspection to refuse", []byte("<html>"), "<html>", refusal{}},
		{"gzip", gzipOf(wasm), module, refusal{}},
		{"zstd", zstdOf(wasm), module, refusal{}},
		{"tar", tarOf("README", "x", "main.wasm", module), module, refusal{}},
		{"tar+gzip", gzipOf(tarOf("plugin.wasm", module)), module, refusal{}},
		{"tar+zstd", zstdOf(tarOf("plugin.wasm", module)), module, refusal{}},
		{"plugin.wasm first", gzipOf(tarOf("plugin.wasm", module, "other.wasm", "x")), module, refusal{}},
		{"a whiteout means nothing", tarOf(".wh.plugin.wasm", "", "plugin.wasm", module), module, refusal{}},
		{"a link beside it", append(trimmed(tarLink(tar.TypeSymlink, "latest.wasm", "plugin.wasm")), tarOf("main.wasm", module)...), module, refusal{}},
		{"compressed twice is not undone twice", gzipOf(gzipOf([]byte("x"))), string(gzipOf([]byte("x"))), refusal{}},
		{"plugin.wasm not first", tarOf("a.wasm", "1", "plugin.wasm", "2"), "1", several(`"a.wasm", "plugin.wasm"`)},
		{"two modules", tarOf("a.wasm", "1", "b.wasm", "2"), "1", several(`"a.wasm", "b.wasm"`)},
		{"no module", tarOf("a", "1"), "", unsupported("the archive holds no *.wasm file")},
		{"a link alone", tarLink(tar.TypeSymlink, "a.wasm", "/b"), "",
			unsupported(`"a.wasm" is a link to "/b", and links are not followed: put the file itself there`)},
		{"a large file", []byte(big), big[:1024], refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large compressed file", gzipOf([]byte(big)), big[:1024], refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a large packed file", gzipOf(tarOf("a.wasm", big)), "", refusal{v1alpha1.ReasonTooLarge, true, tooLarge}},
		{"a bomb beside it", gzipOf(tarOf("a", strings.Repeat("\x00", 1<<20))), "", refusal{v1alpha1.ReasonTooLarge, true, searchLong}},
		{"truncated", truncated(gzipOf(tarOf("a.wasm", "1", "b", big))), "",
			unsupported("unpack the file: it is damaged: unexpected EOF")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := unpack(tt.content, 1024)
			if diff := cmp.Diff(tt.refused, refusalOf(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("content (-want +got)\n%s", diff)
			}
		})
	}
}

// trimmed leaves out the end of an archive, so that another can follow.
func trimmed(archive []byte) []byte { return archive[:len(archive)-1024] }

func TestUnpackPassesOnWhyReadingFailed(t *testing.T) {
	broken := errors.New("connection reset by peer")
	_, err := image.Unpack(failing{broken}, 1024)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestUnpackStaysClosed(t *testing.T) {
	rc, err := image.Unpack(bytes.NewReader(zstdOf(tarOf("a.wasm", "1"))), 1024)
	if err != nil {
		t.Fatal(err)
	}
	rc.Close()
	if _, err := rc.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("reading after Close ended with %v", err)
	}
}
