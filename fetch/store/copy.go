package store

import (
	"context"
	"io"
	"sync"
)

const (
	// bufferBytes is how much is read and written at once. Against the 32 KiB of
	// io.Copy it takes 14 to 29 % off the time of putting 20 MB that come over HTTP,
	// and 15 % off the CPU time.
	bufferBytes = 256 << 10
	// buffersAhead is how many buffers may be read before the first is written.
	buffersAhead = 4
)

var buffers = sync.Pool{New: func() any { return new([bufferBytes]byte) }}

// copyAhead copies r to w until r ends or either fails, and returns how much was
// written and both errors; the end of r is none. It reads while a goroutine writes,
// which has ended when it returns: what arrives is received and verified on one
// core, hashed and written on another. That takes 25 % (ext4) to 40 % (tmpfs) off
// the time of fetching 20 MB from a registry on a machine with two free cores; an
// io.Pipe, which holds one buffer, takes off 15 % and 30 %.
func copyAhead(w io.Writer, r io.Reader) (written int64, writeErr, readErr error) {
	full, free := make(chan []byte, buffersAhead), make(chan []byte, buffersAhead)
	for range buffersAhead {
		free <- buffers.Get().(*[bufferBytes]byte)[:]
	}
	var writer sync.WaitGroup
	defer writer.Wait() // also if r panics
	writer.Go(func() { written, writeErr = writeBuffers(w, full, free) })
	readErr = readBuffers(r, full, free)
	writer.Wait()
	for buffer := range free {
		buffers.Put((*[bufferBytes]byte)(buffer))
	}
	return written, writeErr, readErr
}

// readBuffers fills buffers with what r gives, and closes full at the end. What comes
// with or before an error of r is not lost. It never blocks on full, which has room
// for all buffers.
func readBuffers(r io.Reader, full chan<- []byte, free <-chan []byte) error {
	defer close(full)
	for buffer := range free {
		n, err := fill(r, buffer)
		full <- buffer[:n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil // the writer has failed
}

// writeBuffers empties buffers into w, and closes free at the end or after an error.
func writeBuffers(w io.Writer, full <-chan []byte, free chan<- []byte) (written int64, err error) {
	defer close(free)
	for buffer := range full {
		n, err := w.Write(buffer)
		written += int64(n)
		if err != nil {
			return written, err
		}
		free <- buffer[:bufferBytes]
	}
	return written, nil
}

// fill is io.ReadFull that returns the error of r as it is: io.ReadFull reports a
// source that ended and one that was cut off alike.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

// contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
