package image_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// The hash of a layer is the module's only where the layer is the module.
func TestStreamNamesTheHashOfABareLayer(t *testing.T) {
	content := wasmtest.Module()
	sum := sha256.Sum256(content)
	tests := map[string]struct {
		build func([]byte, string) (v1.Image, error)
		want  string
	}{
		"binary": {image.Binary, hex.EncodeToString(sum[:])},
		"image":  {image.Image, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			img, err := tt.build(content, "0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			stream, err := image.Open(t.Context(), img, module.MaxSize)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			if got := stream.SHA256(); got != tt.want {
				t.Errorf("SHA256 = %q, want %q", got, tt.want)
			}
		})
	}
}
