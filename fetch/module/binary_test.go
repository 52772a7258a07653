// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

// rich is a module that Envoy can load and that has an entry of each form that is
// parsed, over several windows of the reader.
func rich() []byte {
	options := []wasmtest.Option{
		wasmtest.Custom("producers", []byte("\x01\x03sdk\x01\x01a\x01b")),
		wasmtest.Custom("name", []byte("\x00\x02\x01m\x01\x06\x02\x00\x01f\x01\x00")),
		wasmtest.ImportTable("env", "table"), wasmtest.ImportMemory("env", "memory"),
		wasmtest.Export("_initialize", ":"), wasmtest.Export("proxy_on_log", "i:"), wasmtest.Export("another", "iIfF:ii"),
	}
	for range 200 {
		options = append(options, wasmtest.Import("wasi_snapshot_preview1", "clock_time_get", "iIi:i"))
	}
	return wasmtest.Module(options...)
}

// boundaries are the offsets at which a section of a module begins or the module ends.
func boundaries(t *testing.T, wasm []byte) map[int]bool {
	t.Helper()
	found := map[int]bool{8: true}
	for at := 8; at < len(wasm); {
		size, n, shift := 0, 1, 0
		for ; ; n++ {
			b := wasm[at+n]
			size |= int(b&0x7f) << shift
			shift += 7
			if b < 0x80 {
				break
			}
		}
		at += n + 1 + size
		found[at] = true
	}
	if !found[len(wasm)] {
		t.Fatal("the sections do not end with the module")
	}
	return found
}

// A module that is cut short is refused, wherever. Between two sections it is still
// well-formed, but lacks what the sections behind held.
func TestInspectRefusesEveryTruncation(t *testing.T) {
	wasm := rich()
	if got := inspect(t, wasm); got.ABI != "0.2.1" {
		t.Fatalf("the whole module is refused: %+v", got)
	}
	between := boundaries(t, wasm)
	codeEnds := slices.Sorted(maps.Keys(between))[len(between)-3] // two custom sections follow
	for n := range wasm {
		got := inspect(t, wasm[:n])
		switch {
		case n >= codeEnds && between[n]:
			if got.ABI != "0.2.1" {
				t.Errorf("without the custom sections behind byte %d: %+v", n, got)
			}
		case got.Reason == "" || !between[n] && got.Reason != v1alpha1.ReasonNotWasm:
			t.Errorf("cut after %d bytes: %+v", n, got)
		}
	}
}

// Each byte of a module may be any other: nothing but a classified refusal comes of it.
func TestInspectOfEveryChangedByte(t *testing.T) {
	wasm := wasmtest.Module(wasmtest.Custom("name", []byte("\x01\x06\x02\x00\x01f\x01\x00")), wasmtest.Custom("producers", []byte("\x01\x03sdk\x01\x01a\x01b")))
	for at := range wasm {
		for _, b := range []byte{0, 1, 0x40, 0x7f, 0x80, 0xff, wasm[at] + 1, wasm[at] - 1} {
			changed := bytes.Clone(wasm)
			changed[at] = b
			if got := inspect(t, changed); (got.ABI == "") == (got.Reason == "") {
				t.Errorf("byte %d is 0x%02x: %+v", at, b, got)
			}
		}
	}
}

// failingReaderAt fails from an offset on, as a disk would.
type failingReaderAt struct {
	content []byte
	from    int64
}

func (r failingReaderAt) ReadAt(p []byte, off int64) (int, error) {
	end := min(off+int64(len(p)), r.from)
	if off >= end {
		return 0, io.ErrClosedPipe
	}
	if n := copy(p, r.content[off:end]); n < len(p) {
		return n, io.ErrClosedPipe
	}
	return len(p), nil
}

// An error of the disk is never the module's fault, whatever is being parsed.
func TestInspectOfAFileThatFailsMidway(t *testing.T) {
	wasm := rich()
	for from := range int64(len(wasm)) {
		info, err := module.Inspect(failingReaderAt{wasm, from}, int64(len(wasm)))
		f := failure.Of(err)
		if f == nil {
			if info.ABI != "0.2.1" {
				t.Errorf("from byte %d: ABI %q", from, info.ABI)
			}
			continue
		}
		if f.Terminal || f.Reason != v1alpha1.ReasonStoreFailed || !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("from byte %d: %s, terminal %v: %v", from, f.Reason, f.Terminal, err)
		}
	}
}

// A reader may return fewer bytes than were asked for.
func TestInspectOfShortReads(t *testing.T) {
	wasm := rich()
	info, err := module.Inspect(oneByteReaderAt{bytes.NewReader(wasm)}, int64(len(wasm)))
	if err != nil || info.ABI != "0.2.1" {
		t.Errorf("Inspect = %+v, %v", info, err)
	}
}

// oneByteReaderAt reads one byte at a time behind the preamble.
type oneByteReaderAt struct{ io.ReaderAt }

func (r oneByteReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		p = p[:min(1, len(p))]
	}
	return r.ReaderAt.ReadAt(p, off)
}

// Integers are LEB128, of no more bytes than their bits need.
func TestIntegers(t *testing.T) {
	ff := func(n int) string { return strings.Repeat("\xff", n) }
	memory := func(limits string) []byte { return raw(section(5, "\x01"+limits)) }
	tag := func(index string) []byte { return raw(section(2, "\x01\x01m\x01n\x04\x00"+index)) }
	sized := func(size string) []byte { return raw("\x0b" + size) }
	const fine = "" // as a number; the module may lack other things
	tests := []struct {
		name  string
		file  []byte
		fault string
	}{
		{"a size of 0", sized("\x00"), fine},
		{"a size of 0 in five bytes", sized("\x80\x80\x80\x80\x00"), fine},
		{"the largest size", sized(ff(4) + "\x0f"), "declares 4294967295 bytes where only 0 are left"},
		{"a size of 33 bits", sized(ff(4) + "\x1f"), "at byte 14: a number of more than 32 bits"},
		{"a size with a sign", sized(ff(4) + "\x7f"), "at byte 14: a number of more than 32 bits"},
		{"a size in six bytes", sized("\x80\x80\x80\x80\x80\x00"), "at byte 14: a number of more than 32 bits"},
		{"a size that does not end", sized("\x80\x80"), "at byte 11: ends too early"},
		{"limits of 0", memory("\x00\x00"), fine},
		{"limits of 64 bits", memory("\x05" + ff(9) + "\x01" + ff(9) + "\x01"), fine},
		{"a minimum of 65 bits", memory("\x00" + ff(9) + "\x02"), "a number of more than 64 bits"},
		{"a maximum of 65 bits", memory("\x01\x00" + ff(9) + "\x03"), "a number of more than 64 bits"},
		{"a minimum in eleven bytes", memory("\x00" + ff(10) + "\x00"), "a number of more than 64 bits"},
		{"limits without a maximum", memory("\x01\x00"), "ends too early"},
		{"an index in ten bytes", tag(ff(9) + "\x00"), fine},
		{"an index in eleven bytes", tag(ff(10) + "\x00"), "a number of more than 64 bits"},
		{"an index that does not end", tag("\x80"), "ends too early"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := inspect(t, tt.file)
			if tt.fault == fine && got.Reason == v1alpha1.ReasonNotWasm || !strings.Contains(got.Message, tt.fault) {
				t.Errorf("got %+v, want %q", got, tt.fault)
			}
		})
	}
}

// Wherever a size or count is declared, the largest one allocates nothing and ends
// with the file.
func TestHugeDeclarations(t *testing.T) {
	const huge = "\xff\xff\xff\xff\x0f" // 1<<32 - 1
	entry := func(id byte, entry string) []byte { return raw(section(id, "\x01"+entry)) }
	custom := func(name, content string) []byte {
		return raw(section(0, string(rune(len(name)))+name+content))
	}
	files := map[string][]byte{
		"section":                raw("\x01" + huge),
		"custom section":         raw("\x00" + huge),
		"name of custom section": raw(section(0, huge+"x")),
		"types":                  raw(section(1, huge)),
		"types, one there":       raw(section(1, huge+"\x60\x00\x00")),
		"parameters":             entry(1, "\x60"+huge),
		"results":                entry(1, "\x60\x00"+huge),
		"fields":                 entry(1, "\x5f"+huge),
		"supertypes":             entry(1, "\x50"+huge),
		"types of a group":       entry(1, "\x4e"+huge),
		"imports":                raw(section(2, huge)),
		"module of an import":    entry(2, huge+"env"),
		"name of an import":      entry(2, "\x03env"+huge+"x"),
		"type of an import":      entry(2, "\x03env\x01x\x00"+huge),
		"functions":              raw(section(3, huge)),
		"memories":               raw(section(5, huge)),
		"minimum of a memory":    entry(5, "\x00"+huge),
		"exports":                raw(section(7, huge)),
		"name of an export":      entry(7, huge+"x"),
		"index of an export":     entry(7, "\x06malloc\x00"+huge),
		"start function":         raw(section(8, huge)),
		"bodies":                 raw(section(10, huge)),
		"subsection of names":    custom("name", "\x01"+huge),
		"function names":         custom("name", "\x01\x05"+huge),
		"name of a function":     custom("name", "\x01\x07\x01\x00"+huge),
		"fields of producers":    custom("producers", huge),
		"name of a field":        custom("producers", "\x01"+huge),
		"producers of a field":   custom("producers", "\x01\x03sdk"+huge),
		"version of a producer":  custom("producers", "\x01\x03sdk\x01\x01a"+huge),
		"tables, skipped":        raw(section(4, huge)),
		"globals, skipped":       raw(section(6, huge)),
		"elements, skipped":      raw(section(9, huge)),
		"data count, skipped":    raw(section(12, huge)),
		"data, skipped":          raw(section(11, huge)),
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			if got := inspect(t, file); got.Reason == "" {
				t.Errorf("accepted: %+v", got)
			}
			if got := allocated(bytes.NewReader(file), int64(len(file))); got > 64<<10 {
				t.Errorf("Inspect allocated %d bytes for a file of %d", got, len(file))
			}
		})
	}
}

// What a name holds is never interpreted, and of a long one only the beginning is kept.
func TestNames(t *testing.T) {
	for _, length := range []int{0, 1, 127, 128, 129, 4095, 4096, 4097, 70_000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			name := strings.Repeat("\xffa", length)[:length]
			d := describe(t, wasmtest.Module(wasmtest.NoImports(), wasmtest.Import(name, "n", ":"), wasmtest.Custom(name, nil), wasmtest.Export(name, ":")))
			want := name[:min(length, 128)]
			if got := d.Imports[0].Module; got != want {
				t.Errorf("the import's module is %q, want %q", got, want)
			}
		})
	}
}
