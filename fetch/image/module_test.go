package image_test

import (
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/autowasm/autowasm/fetch/image"
)

func TestSmoke(t *testing.T) {
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer([]byte("\x00asm\x01\x00\x00\x00"), "application/wasm"))
	if err != nil {
		t.Fatal(err)
	}
	rc, err := image.Module(t.Context(), img, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	if err != nil || string(got) != "\x00asm\x01\x00\x00\x00" {
		t.Errorf("%q %v", got, err)
	}
}
