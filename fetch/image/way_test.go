package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
)

// What goes wrong on the way is not the image's fault, whichever decoder notices.
func TestModuleBlamesTheWayNotTheImage(t *testing.T) {
	packed := gzipOf(tarOf("plugin.wasm", strings.Repeat("x", 1000)))
	broken := errors.New("connection reset by peer")
	tests := []struct {
		name string
		err  error
		want refusal
	}{
		{"a broken connection", broken, refusal{v1alpha1.ReasonUnavailable, false, "read layer DIGEST: connection reset by peer"}},
		{"a short body", io.ErrUnexpectedEOF, refusal{v1alpha1.ReasonUnavailable, false, "read layer DIGEST: unexpected EOF"}},
		{"the wrong bytes", errors.New(`error verifying sha256 checksum after reading 3 bytes; got "a", want "b"`),
			refusal{v1alpha1.ReasonDigestMismatch, true, `read layer DIGEST: the registry's copy is damaged: error verifying sha256 checksum after reading 3 bytes; got "a", want "b"`}},
		{"a deadline", context.DeadlineExceeded, refusal{v1alpha1.ReasonPending, false, "read layer DIGEST: context deadline exceeded"}},
	}
	for _, tt := range tests {
		for _, at := range []int{0, 1, 30, len(packed)} {
			t.Run(fmt.Sprint(tt.name, at), func(t *testing.T) {
				l := ociLayer(packed)
				l.Open = func() io.Reader { return io.MultiReader(bytes.NewReader(packed[:at]), failing{tt.err}) }
				img := &testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{l}}
				_, err := readModule(t, img.Build(t), 1024)
				want := tt.want
				want.Message = strings.ReplaceAll(want.Message, "DIGEST", digestOf(packed).String())
				if diff := cmp.Diff(want, refusalOf(err)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestModuleObeysTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	img := (&testImage{ConfigType: emptyConfig, Layers: []layer{{MediaType: wasmLayer, Content: bytes.Repeat([]byte("x"), 1<<20)}}}).Build(t)
	rc, err := image.Open(ctx, img, 2<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	cancel()
	if _, err := io.ReadAll(rc); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling, reading ended with %v", err)
	}
	if _, err := image.Open(ctx, img, 2<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context, opening ended with %v", err)
	}
}
