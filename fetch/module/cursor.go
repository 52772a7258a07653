package module

import (
	"errors"
	"fmt"
	"io"
)

// maxName is how many bytes of a name are kept. Names that mean anything to Envoy
// are shorter; of longer ones the beginning is enough for a message.
const maxName = 128

// window is how much of the file is held at once.
const window = 4096

// readError is a failure to read the file, as opposed to a fault in what it says.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// cursor reads forward through a range of a file, one window at a time. Stepping
// over bytes costs nothing.
type cursor struct {
	r    io.ReaderAt
	pos  int64 // of the next byte
	end  int64 // of the range
	base int64 // of buf[0] in the file
	n    int   // bytes in buf
	buf  [window]byte
}

// newCursor returns a cursor at the beginning of a range.
func newCursor(r io.ReaderAt, content span) *cursor {
	c := &cursor{r: r}
	c.reset(content.offset, content.size)
	return c
}

// reset points the cursor at the range that starts at offset.
func (c *cursor) reset(offset, size int64) {
	c.pos, c.end = offset, offset+size
}

// left is how many bytes the range still has.
func (c *cursor) left() int64 { return c.end - c.pos }

func (c *cursor) byte() (byte, error) {
	if c.pos >= c.end {
		return 0, fmt.Errorf("at byte %d: ends too early", c.pos)
	}
	if c.pos < c.base || c.pos >= c.base+int64(c.n) {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	b := c.buf[c.pos-c.base]
	c.pos++
	return b, nil
}

// fill moves the window to the next byte.
func (c *cursor) fill() error {
	n, err := c.r.ReadAt(c.buf[:min(window, c.left())], c.pos)
	c.base, c.n = c.pos, n
	switch {
	case n > 0:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("at byte %d: the file ends here, before its declared size", c.pos)
	}
	return &readError{err}
}

// skip steps over n bytes.
func (c *cursor) skip(n int64) error {
	if n < 0 || n > c.left() {
		return fmt.Errorf("at byte %d: declares %d bytes where only %d are left", c.pos, n, c.left())
	}
	c.pos += n
	return nil
}

// uint reads an unsigned LEB128 number of at most the given number of bits.
func (c *cursor) uint(bits uint) (uint64, error) {
	var value uint64
	for shift := uint(0); shift < bits; shift += 7 {
		b, err := c.byte()
		if err != nil {
			return 0, err
		}
		if rest := bits - shift; rest < 7 && b>>rest != 0 {
			break
		}
		value |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return value, nil
		}
	}
	return 0, fmt.Errorf("at byte %d: a number of more than %d bits", c.pos, bits)
}

// u32 reads a 32-bit number.
func (c *cursor) u32() (uint32, error) {
	value, err := c.uint(32)
	return uint32(value), err
}

// skipNumber steps over a LEB128 number of any sign, of up to 64 bits.
func (c *cursor) skipNumber() error {
	for range 10 {
		b, err := c.byte()
		if err != nil {
			return err
		}
		if b&0x80 == 0 {
			return nil
		}
	}
	return fmt.Errorf("at byte %d: a number of more than 64 bits", c.pos)
}

// name reads a name, of which it keeps at most maxName bytes.
func (c *cursor) name() (string, error) {
	size, err := c.u32()
	if err != nil {
		return "", err
	}
	if int64(size) > c.left() {
		return "", fmt.Errorf("at byte %d: declares a name of %d bytes where only %d are left", c.pos, size, c.left())
	}
	var kept [maxName]byte
	n := min(int(size), maxName)
	for i := range n {
		if kept[i], err = c.byte(); err != nil {
			return "", err
		}
	}
	return string(kept[:n]), c.skip(int64(size) - int64(n))
}
