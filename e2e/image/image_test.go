// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// program writes a file of this machine.
func program(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newImage(t *testing.T, layers ...[]File) v1.Image {
	t.Helper()
	img, err := New(Config{Entrypoint: []string{"/program"}, User: "65532:65532"}, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestImage(t *testing.T) {
	files := []File{
		Dir("/tmp", fs.ModeSticky|0o777), Link("/lib", "usr/lib"), Text("/etc/passwd", "root\n"), Program("/program", program(t, "text")),
	}
	img := newImage(t, files, []File{Text("/more", "")})
	if err := validate.Image(img, validate.Fast); err != nil { // without Fast it expects layers to be compressed
		t.Error(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1.Config{Entrypoint: []string{"/program"}, User: "65532:65532"}, config.Config); diff != "" {
		t.Error(diff)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	checkLayer(t, layers[0])
	want := []string{"dtrwxrwxrwx tmp/", "Lrwxrwxrwx lib", "-rw-r--r-- etc/passwd root\n", "-rwxr-xr-x program text"}
	if diff := cmp.Diff(want, list(t, layers[0])); diff != "" {
		t.Error(diff)
	}
}

// checkLayer compares what a layer says of itself with what it is.
func checkLayer(t *testing.T, layer v1.Layer) {
	t.Helper()
	r, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	hash, size, err := v1.SHA256(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := layer.Digest(); err != nil || got != hash {
		t.Errorf("digest %s, %v, want %s", got, err, hash)
	}
	if got, err := layer.Size(); err != nil || got != size {
		t.Errorf("size %d, %v, want %d", got, err, size)
	}
}

// list has each entry of a layer with its mode and content.
func list(t *testing.T, layer v1.Layer) (entries []string) {
	t.Helper()
	r, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		entry := header.FileInfo().Mode().String() + " " + header.Name
		if len(content) > 0 {
			entry += " " + string(content)
		}
		entries = append(entries, entry)
	}
}

// TestSameContentSameDigest: where and when a file was written says nothing of an image.
func TestSameContentSameDigest(t *testing.T) {
	digest := func(content string) v1.Hash {
		d, err := newImage(t, []File{Program("/program", program(t, content))}).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if a, b := digest("text"), digest("text"); a != b {
		t.Errorf("%s and %s", a, b)
	}
	if a, b := digest("text"), digest("more"); a == b {
		t.Errorf("both %s", a)
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := New(Config{}, []File{Program("/program", filepath.Join(t.TempDir(), "absent"))}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error: %v", err)
	}
}
