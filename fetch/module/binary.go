// SPDX-License-Identifier: Apache-2.0

package module

import (
	"errors"
	"fmt"
	"io"
)

const (
	// maxName is how many bytes of a name are kept, for messages. The names that Envoy calls are shorter.
	maxName = 128
	// windowSize is how many bytes of the file are held at once.
	windowSize = 4096
)

// readError is a failure to read the file, as opposed to a fault in its content.
type readError struct{ error }

// span is a range of the file.
type span struct{ offset, size int64 }

func (s span) end() int64 { return s.offset + s.size }

// reader decodes the values of the binary format from a range of a file, a window at a time.
//
// The first error stays in err. What is returned from then on means nothing: callers check err at the end.
type reader struct {
	file io.ReaderAt
	pos  int64 // of the next byte, in the file
	end  int64 // of the range, in the file
	err  error

	window [windowSize]byte
	base   int64 // of window[0], in the file
	held   int   // bytes in window
}

func (r *reader) seek(content span) { r.pos, r.end = content.offset, content.end() }

func (r *reader) left() int64 { return r.end - r.pos }

// failf sets the error, unless there is one.
func (r *reader) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// within puts the place where an error was met before its message.
func (r *reader) within(format string, args ...any) {
	r.err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), r.err)
}

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.failf("at byte %d: ends too early", r.pos)
	}
	if r.err == nil && (r.pos < r.base || r.pos >= r.base+int64(r.held)) {
		r.fill()
	}
	if r.err != nil {
		return 0
	}
	b := r.window[r.pos-r.base]
	r.pos++
	return b
}

func (r *reader) fill() {
	n, err := r.file.ReadAt(r.window[:min(windowSize, r.left())], r.pos)
	r.base, r.held = r.pos, n
	switch {
	case n > 0:
	case err == nil || errors.Is(err, io.EOF):
		r.failf("at byte %d: the file ends here, before its declared size", r.pos)
	default:
		r.err = readError{err}
	}
}

func (r *reader) skip(n int64) {
	if n > r.left() {
		r.failf("at byte %d: declares %d bytes where only %d are left", r.pos, n, r.left())
		return
	}
	r.pos += n
}

// uint reads an unsigned LEB128 integer of at most that many bits.
func (r *reader) uint(bits uint) uint64 {
	var value uint64
	for shift := uint(0); shift < bits; shift += 7 {
		b := r.byte()
		if unused := bits - shift; unused < 7 && b>>unused != 0 {
			break
		}
		value |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return value
		}
	}
	r.failf("at byte %d: a number of more than %d bits", r.pos, bits)
	return 0
}

func (r *reader) u32() uint32 { return uint32(r.uint(32)) }

// skipInteger steps over a LEB128 integer, signed or not, of at most 64 bits.
func (r *reader) skipInteger() {
	for range 10 {
		if r.byte()&0x80 == 0 {
			return
		}
	}
	r.failf("at byte %d: a number of more than 64 bits", r.pos)
}

// sized reads a size, steps over that many bytes, and returns their range.
func (r *reader) sized() span {
	size := int64(r.u32())
	content := span{r.pos, size}
	r.skip(size)
	return content
}

// name reads a name, of which it keeps at most maxName bytes. Errors say what it is the name of.
func (r *reader) name(what string) string {
	if r.err != nil {
		return ""
	}
	size := int64(r.u32())
	if size > r.left() {
		r.failf("at byte %d: declares a name of %d bytes where only %d are left", r.pos, size, r.left())
	}
	var kept [maxName]byte
	n := int64(0)
	for ; n < min(size, maxName) && r.err == nil; n++ {
		kept[n] = r.byte()
	}
	r.skip(size - n)
	if r.err != nil {
		r.within("%s", what)
	}
	return string(kept[:n])
}

// vector reads a count and as many elements, and returns the count.
func (r *reader) vector(element func()) uint32 {
	count := r.u32()
	for i := uint32(0); i < count && r.err == nil; i++ {
		element()
	}
	return count
}
