// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// allocated returns how many bytes Inspect allocates, in total.
func allocated(r io.ReaderAt, size int64) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = module.Inspect(r, size)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// hostile are files of about 1 MiB that list as much as they can.
func hostile() map[string][]byte {
	many := func(id byte, entry string) []byte {
		count := 1 << 20 / len(entry)
		list := string([]byte{byte(count) | 0x80, byte(count>>7) | 0x80, byte(count>>14) & 0x7f})
		return raw(section(id, list+strings.Repeat(entry, count)))
	}
	return map[string][]byte{
		"types":           many(1, "\x60\x00\x00"),
		"a wide type":     raw(section(1, "\x01\x60\x80\x80\x40"+strings.Repeat("\x7f", 1<<20)+"\x00"), section(2, "\x01\x03env\x04wide\x00\x00")),
		"imports":         many(2, "\x03abc\x03def\x02\x00\x00"),
		"functions":       many(3, "\x00"),
		"memories":        many(5, "\x00\x00"),
		"exports":         many(7, "\x06malloc\x00\x00"),
		"custom sections": raw(strings.Repeat(section(0, "\x01x"), 1<<18)),
		"producers":       raw(section(0, "\x09producers\x80\x80\x04"+strings.Repeat("\x01a\x01\x01b\x01c", 1<<16))),
		"groups of types": many(1, "\x4e\x01\x60\x00\x00"),
		"structs":         many(1, "\x5f\x01\x7f\x00"),
		"references":      raw(section(1, "\x01\x60\x80\x80\x40"+strings.Repeat("\x6e", 1<<20)+"\x00"), section(2, "\x01\x03env\x04wide\x00\x00")),
		"markers":         many(7, "\x17proxy_abi_version_9_9_9\x00\x00"),
		"function names":  raw(section(0, "\x04name\x01\x80\x80\x40"+strings.Repeat("\x00\x01f", 1<<20/3))),
		"subsections":     raw(section(0, "\x04name"+strings.Repeat("\x07\x00", 1<<19))),
		"tables of names": raw(strings.Repeat(section(0, "\x04name\x01\x01\x00"), 1<<16)),
		"declared counts": raw(section(1, "\xff\xff\xff\xff\x0f")),
		"a declared name": raw(section(2, "\x01\xff\xff\xff\xff\x0f")),
	}
}

func TestInspectAllocatesLittle(t *testing.T) {
	const limit = 128 << 10
	wasm := wasmtest.Module(wasmtest.Padding(module.MaxSize))
	if got := allocated(bytes.NewReader(wasm), int64(len(wasm))); got > limit {
		t.Errorf("Inspect allocated %d bytes for %d, want at most %d", got, len(wasm), limit)
	}
}

// Even then it is garbage, and in proportion to what is there, not to what is
// declared.
func TestInspectOfHostileFilesAllocatesInProportion(t *testing.T) {
	for name, file := range hostile() {
		limit := uint64(1<<20 + 3*len(file)) // the race detector takes its share
		if got := allocated(bytes.NewReader(file), int64(len(file))); got > limit {
			t.Errorf("%s: Inspect allocated %d bytes for %d, want at most %d", name, got, len(file), limit)
		}
	}
}

// countingReader counts the bytes that are read.
type countingReader struct {
	io.ReaderAt
	n int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += n
	return n, err
}

// Code, data and custom sections are stepped over, not read.
func TestInspectReadsLittle(t *testing.T) {
	wasm := wasmtest.Module(wasmtest.Padding(module.MaxSize))
	r := &countingReader{ReaderAt: bytes.NewReader(wasm)}
	started := time.Now()
	if _, err := module.Inspect(r, int64(len(wasm))); err != nil {
		t.Fatal(err)
	}
	if r.n > 128<<10 {
		t.Errorf("Inspect read %d bytes of %d", r.n, len(wasm))
	}
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("Inspect took %s", took)
	}
}

// Many may inspect one file at once: a reader is shared, and nothing else.
func TestInspectConcurrently(t *testing.T) {
	wasm := rich()
	r := bytes.NewReader(wasm)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				if info, err := module.Inspect(r, int64(len(wasm))); err != nil || info.ABI != "0.2.1" {
					t.Errorf("Inspect = %+v, %v", info, err)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkInspect(b *testing.B) {
	wasm := wasmtest.Module(wasmtest.Padding(20 << 20))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := module.Inspect(bytes.NewReader(wasm), int64(len(wasm))); err != nil {
			b.Fatal(err)
		}
	}
}
