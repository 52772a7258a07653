// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
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

// tracked is a blob that notes whether it was closed.
type tracked struct {
	io.Reader
	closed int
}

func (r *tracked) Close() error {
	r.closed++
	return nil
}

// track has the layers of an image note which of their blobs are open.
func track(img *testImage) (blobs func() []*tracked) {
	var all []*tracked
	for i := range img.Layers {
		open, content := img.Layers[i].Open, img.Layers[i].Content
		img.Layers[i].Open = func() io.Reader {
			r := &tracked{Reader: bytes.NewReader(content)}
			if open != nil {
				r.Reader = open()
			}
			all = append(all, r)
			return r
		}
	}
	return func() []*tracked { return all }
}

// Every blob that is opened is closed, whatever comes of it.
func TestOpenClosesEveryBlob(t *testing.T) {
	images := map[string]testImage{
		"a link":          {Layers: []layer{ociLayer(tarLink('2', "plugin.wasm", "x"))}},
		"too large":       {Layers: []layer{ociLayer(tarHeader("plugin.wasm", 1<<40))}},
		"two modules":     {Layers: []layer{ociLayer(gzipOf(tarOf("a.wasm", "1", "b.wasm", "2")))}},
		"two plugin.wasm": {Layers: []layer{ociLayer(zstdOf(tarOf("plugin.wasm", "1", "a/plugin.wasm", "2")))}},
		"damaged gzip":    {Layers: []layer{ociLayer([]byte("\x1f\x8b\x08 damaged"))}},
		"damaged zstd":    {Layers: []layer{ociLayer(truncated(zstdOf(tarOf("a.wasm", "1"))))}},
		"no module":       {Layers: []layer{ociLayer(zstdOf(tarOf("a", "1"))), ociLayer(gzipOf(nil)), ociLayer([]byte("x"))}},
		"a broken way":    {Layers: []layer{{MediaType: types.OCILayer, Content: []byte("x"), Open: func() io.Reader { return failing{io.ErrClosedPipe} }}}},
	}
	for _, s := range shapes() {
		images[s.name] = s.image
	}
	for name, img := range images {
		t.Run(name, func(t *testing.T) {
			blobs := track(&img)
			_, _ = readModule(t, img.Build(t), limit)
			for i, b := range blobs() {
				if b.closed != 1 {
					t.Errorf("blob %d of %d was closed %d times", i+1, len(blobs()), b.closed)
				}
			}
			if len(blobs()) == 0 {
				t.Error("no blob was opened")
			}
		})
	}
}

// A stream that is closed early reads no further, and says so from then on.
func TestCloseBeforeTheEnd(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 1<<20)
	for name, l := range map[string]layer{
		"bare": {MediaType: wasmLayer, Content: big}, "gzip": {MediaType: wasmLayer, Content: gzipOf(big)}, "zstd": {MediaType: wasmLayer, Content: zstdOf(big)},
		"tar": ociLayer(tarOf("plugin.wasm", string(big))), "second pass": ociLayer(tarOf("a.wasm", string(big))),
	} {
		t.Run(name, func(t *testing.T) {
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{l}}
			blobs := track(img)
			stream, err := image.Open(t.Context(), img.Build(t), 2<<20)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(stream, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
			for range 2 {
				if n, err := stream.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("Read = %d, %v after Close", n, err)
				}
			}
			for _, b := range blobs() {
				if b.closed != 1 {
					t.Errorf("a blob was closed %d times", b.closed)
				}
			}
		})
	}
}

// The end of a stream, good or bad, stays its end.
func TestTheEndStays(t *testing.T) {
	for name, tt := range map[string]struct {
		content []byte
		want    func(error) bool
	}{
		"whole":     {gzipOf(tarOf("a.wasm", "1")), func(err error) bool { return err == io.EOF }},
		"ambiguous": {gzipOf(tarOf("a.wasm", "1", "b.wasm", "2")), isTerminal},
		"damaged":   {append(gzipOf(tarOf("a.wasm", "1")), "trailing bytes"...), isTerminal},
		"too large": {gzipOf(bytes.Repeat([]byte("x"), 1025)), isTerminal},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := image.Unpack(bytes.NewReader(tt.content), 1024)
			if err != nil {
				t.Fatal(err)
			}
			_, first := io.Copy(io.Discard, readerOnly{stream})
			for range 3 {
				n, err := stream.Read(make([]byte, 10))
				if n != 0 || !tt.want(err) || first != nil && err != first {
					t.Errorf("Read = %d, %v after %v", n, err, first)
				}
			}
			stream.Close()
			if _, err := stream.Read(make([]byte, 10)); !tt.want(err) {
				t.Errorf("Read = %v after Close", err)
			}
		})
	}
}

// readerOnly hides all other methods.
type readerOnly struct{ io.Reader }

func isTerminal(err error) bool { return failure.Of(err) != nil && failure.Of(err).Terminal }

// A registry that sends another archive the second time around is found out, even
// where nothing verifies the digest.
func TestASecondPassOverOtherContent(t *testing.T) {
	first := tarOf("a.wasm", "1")
	tests := map[string]struct {
		second []byte
		want   string
	}{
		"another name":  {tarOf("b.wasm", "2"), `"a.wasm" is gone from layer DIGEST`},
		"a link":        {tarLink('2', "a.wasm", "x"), `"a.wasm" is gone from layer DIGEST`},
		"no archive":    {[]byte("x"), `unpack layer DIGEST: it is damaged: unexpected EOF`},
		"damaged":       {damaged(tarOf("a.wasm", "1")), `unpack layer DIGEST: it is damaged: archive/tar: invalid tar header`},
		"a larger file": {tarOf("a.wasm", strings.Repeat("x", 1025)), tooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := ociLayer(first)
			passes := [][]byte{first, tt.second}
			l.Open = func() io.Reader {
				content := passes[0]
				passes = passes[1:]
				return bytes.NewReader(content)
			}
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{l}}
			blobs := track(img)
			_, err := readModule(t, img.Build(t), 1024)
			got, want := refusalOf(err), strings.ReplaceAll(tt.want, "DIGEST", digestOf(first).String())
			if got.Message != want || !got.Terminal {
				t.Errorf("got %+v, want %q", got, want)
			}
			for _, b := range blobs() {
				if b.closed != 1 {
					t.Errorf("a blob was closed %d times", b.closed)
				}
			}
		})
	}
}

// A layer is read to its end before anything is concluded from it: that it holds no
// module, or only one.
func TestLayersAreVerifiedToTheirEnd(t *testing.T) {
	mismatch := errors.New("error verifying sha256 checksum after reading 3 bytes")
	below := ociLayer(gzipOf(tarOf("plugin.wasm", "1")))
	for name, archive := range map[string][]byte{
		"no module": tarOf("README", "x"), "a link": tarLink('2', "a.wasm", "x"), "one module": tarOf("a.wasm", "2"), "plugin.wasm": tarOf("plugin.wasm", "2"),
	} {
		t.Run(name, func(t *testing.T) {
			l := ociLayer(archive)
			l.Open = func() io.Reader { return io.MultiReader(bytes.NewReader(archive), failing{mismatch}) }
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{below, l}}
			_, err := readModule(t, img.Build(t), 1024)
			if got := refusalOf(err); got.Reason != v1alpha1.ReasonDigestMismatch || !errors.Is(err, mismatch) {
				t.Errorf("got %+v", got)
			}
			if len(img.Opened) != 1 {
				t.Errorf("%d blobs were opened, want that one alone", len(img.Opened))
			}
		})
	}
}

// Streams share nothing.
func TestOpenConcurrently(t *testing.T) {
	var group sync.WaitGroup
	for _, s := range shapes() {
		built := s.image
		content, err := readModule(t, built.Build(t), limit)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			img := (&testImage{ConfigType: built.ConfigType, MediaType: built.MediaType, Layers: built.Layers}).Build(t)
			group.Go(func() {
				got, err := readModule(t, img, limit)
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %d bytes, %v", s.name, len(got), err)
				}
			})
		}
	}
	group.Wait()
}

// brokenImage fails where a registry can fail.
type brokenImage struct {
	v1.Image
	manifest, layer, blob error
}

func (i brokenImage) RawManifest() ([]byte, error) {
	if i.manifest != nil {
		return nil, i.manifest
	}
	return i.Image.RawManifest()
}

func (i brokenImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if i.layer != nil {
		return nil, i.layer
	}
	l, err := i.Image.LayerByDigest(h)
	return brokenLayer{l, i.blob}, err
}

type brokenLayer struct {
	v1.Layer
	err error
}

func (l brokenLayer) Compressed() (io.ReadCloser, error) { return nil, l.err }

// Errors of the registry keep their cause, and are for the caller to classify.
func TestOpenPassesOnErrorsOfTheRegistry(t *testing.T) {
	broken := errors.New("503 Service Unavailable")
	img := (&testImage{Layers: []layer{ociLayer(tarOf("plugin.wasm", "1"))}}).Build(t)
	open := "open layer " + digestOf(tarOf("plugin.wasm", "1")).String() + ": "
	for _, tt := range []struct {
		img  v1.Image
		what string
	}{
		{brokenImage{Image: img, manifest: broken}, "read the image's manifest: "},
		{brokenImage{Image: img, layer: broken}, open},
		{brokenImage{Image: img, blob: broken}, open},
	} {
		_, err := image.Open(t.Context(), tt.img, 1024)
		if _, classified := errors.AsType[*failure.Error](err); classified || !errors.Is(err, broken) || err.Error() != tt.what+broken.Error() {
			t.Errorf("Open = %v, want %q", err, tt.what)
		}
	}
}
