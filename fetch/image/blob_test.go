// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
)

// zstdWith compresses into one zstd frame with options.
func zstdWith(t *testing.T, content []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zstdFrame is a zstd frame of one raw block that asks for a window of 1<<log bytes.
func zstdFrame(log int, content []byte) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte(log-10) << 3}
	header := uint32(len(content))<<3 | 1 // the last block, not compressed
	frame = append(frame, byte(header), byte(header>>8), byte(header>>16))
	return append(frame, content...)
}

// skippable is a zstd frame that decoders skip.
func skippable(content string) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte("\x50\x2a\x4d\x18"), uint32(len(content))), content...)
}

// Streams of several members are one; what follows them is damage.
func TestCompressedStreams(t *testing.T) {
	module := strings.Repeat("module", 100)
	archive := tarOf("plugin.wasm", module)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	fine := found{Path: "plugin.wasm", Content: module}
	half := len(archive) / 2
	damage := func(cause string) string { return "it is damaged: " + cause }
	tests := []struct {
		name    string
		content []byte
		fault   string // of the layer; fine when empty
	}{
		{"one gzip member", gzipOf(archive), ""},
		{"gzip members", join(gzipOf(archive[:half]), gzipOf(archive[half:])), ""},
		{"gzip members of nothing", join(gzipOf(nil), gzipOf(archive), gzipOf(nil)), ""},
		{"bytes behind gzip", join(gzipOf(archive), []byte("trailing bytes")), damage("gzip: invalid header")},
		{"half a member behind gzip", join(gzipOf(archive), gzipOf(archive)[:5]), damage("unexpected EOF")},
		{"a wrong gzip checksum", flipped(gzipOf(archive), -8), damage("gzip: invalid checksum")},
		{"a wrong gzip size", flipped(gzipOf(archive), -4), damage("gzip: invalid checksum")},
		{"gzip of an unknown method", flipped(gzipOf(archive), 2), damage("gzip: invalid header")},
		{"one zstd frame", zstdOf(archive), ""},
		{"zstd frames", join(zstdOf(archive[:half]), zstdOf(archive[half:])), ""},
		{"skippable frames", join(zstdOf(archive[:half]), skippable("x"), zstdOf(archive[half:]), skippable("")), ""},
		{"bytes behind zstd", join(zstdOf(archive), []byte("trailing")), damage("invalid input: magic number mismatch")},
		{"a wrong zstd checksum", flipped(zstdWith(t, archive, zstd.WithEncoderCRC(true)), -1), damage("CRC check failed")},
		{"the smallest zstd window", zstdFrame(10, archive[:1000]), damage("unexpected EOF")},
		{"a zstd window of 8 MiB", zstdFrame(23, archive), ""},
		{"a zstd window of 16 MiB", zstdFrame(24, archive), damage("window size exceeded")},
		{"the largest zstd window", zstdFrame(41, archive), damage("window size exceeded")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := find(t, tt.content)
			if tt.fault == "" {
				if diff := cmp.Diff(fine, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				return
			}
			if got.Refused.Reason != v1alpha1.ReasonUnsupportedImage || !strings.Contains(got.Refused.Message, tt.fault) {
				t.Errorf("got %+v, want %q", got.Refused, tt.fault)
			}
		})
	}
}

// flipped changes a byte, counted from the end if negative.
func flipped(content []byte, at int) []byte {
	content = bytes.Clone(content)
	if at < 0 {
		at += len(content)
	}
	content[at] ^= 0xff
	return content
}

// packings are one module in every packing that Unpack takes.
func packings() map[string][]byte {
	archive := tarOf("README", "x", "plugin.wasm", string(wasm), "runtime-config.json", "{}")
	return map[string][]byte{
		"bare": wasm, "gzip": gzipOf(wasm), "zstd": zstdOf(wasm), "tar": archive, "tar+gzip": gzipOf(archive), "tar+zstd": zstdOf(archive),
	}
}

// However few bytes a reader returns at a time, the module is the same.
func TestUnpackFromSlowReaders(t *testing.T) {
	for name, content := range packings() {
		for how, slow := range map[string]func(io.Reader) io.Reader{
			"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data and EOF": iotest.DataErrReader,
		} {
			rc, err := image.Unpack(slow(bytes.NewReader(content)), limit)
			if err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
				continue
			}
			if err := iotest.TestReader(rc, wasm); err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			rc.Close()
		}
	}
}

// A reader that fails, wherever, is the cause that is reported, never taken for
// the end of the content or for damage. Not even an error that wraps io.EOF is an end.
func TestUnpackFromReadersThatFail(t *testing.T) {
	causes := []error{errors.New("connection reset by peer"), fmt.Errorf("connection lost: %w", io.EOF), io.ErrUnexpectedEOF}
	for name, content := range packings() {
		for n, at := range places(content) {
			broken := causes[n%len(causes)]
			r := io.MultiReader(bytes.NewReader(content[:at]), iotest.ErrReader(broken))
			err := readAll(image.Unpack(r, limit))
			if !errors.Is(err, broken) || failure.Of(err).Terminal || !strings.HasPrefix(err.Error(), "read the file: ") {
				t.Fatalf("%s, %v at byte %d: %v", name, broken, at, err)
			}
		}
	}
}

// places are the offsets in some content at which it is cut: all of the first 600, which
// hold the headers, some behind, and those around the boundaries of blocks.
func places(content []byte) (all []int) {
	for at := range len(content) + 1 {
		if at < 600 || at%61 == 0 || (at+1)%512 <= 2 || at == len(content) {
			all = append(all, at)
		}
	}
	return all
}

func readAll(rc io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}

// What is cut short is damaged, wherever, unless the module is all there.
func TestUnpackOfTruncatedContent(t *testing.T) {
	for name, content := range packings() {
		if name == "bare" {
			continue // module.Inspect finds it
		}
		for _, at := range places(content[:len(content)-1]) {
			got, err := unpack(content[:at], limit)
			f := failure.Of(err)
			switch {
			case f != nil && (f.Reason != v1alpha1.ReasonUnsupportedImage || !f.Terminal):
				t.Errorf("%s cut after %d bytes: %v", name, at, err)
			case f == nil && got != string(content[:at]) && (name != "tar" || got != string(wasm)):
				t.Errorf("%s cut after %d of %d bytes is whole", name, at, len(content))
			case f == nil && got == string(content[:at]) && at >= 512:
				t.Errorf("%s cut after %d of %d bytes is taken for something else", name, at, len(content))
			}
		}
	}
}

// Bombs end at their limits: little is decompressed, and less is held.
func TestBombs(t *testing.T) {
	const size = 64 << 20
	zeros := func(compress func(io.Writer) io.WriteCloser) []byte {
		var out bytes.Buffer
		w := compress(&out)
		if _, err := io.CopyN(w, zeroReader{}, size); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	bombs := map[string][]byte{
		"gzip": zeros(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zstd": zeros(func(w io.Writer) io.WriteCloser {
			encoder, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			return encoder
		}),
	}
	for name, bomb := range bombs {
		for _, mediaType := range []types.MediaType{wasmLayer, types.OCILayer} {
			t.Run(fmt.Sprint(name, " as ", mediaType), func(t *testing.T) {
				if len(bomb) > size/500 {
					t.Fatalf("%d bytes are no bomb", len(bomb))
				}
				img := (&testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{{MediaType: mediaType, Content: bomb}}}).Build(t)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				started := time.Now()
				_, err := readModule(t, img, 1<<20)
				runtime.ReadMemStats(&after)
				if f := failure.Of(err); mediaType == wasmLayer && f.Reason != v1alpha1.ReasonTooLarge || f == nil || !f.Terminal {
					t.Errorf("got %v", err)
				}
				if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 24<<20 {
					t.Errorf("%d bytes were allocated", allocated)
				}
				if took := time.Since(started); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		}
	}
}

// zeroReader reads zeros without end.
type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
