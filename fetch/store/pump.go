package store

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// ahead is how many chunks may be read before the first of them is written.
const ahead = 4

// pump copies while it reads on: what arrives is received and checked on one core,
// hashed and written on another.
type pump struct {
	full   chan block
	empty  chan *[chunk]byte
	failed atomic.Bool // the writer will write no more
}

// block is a chunk on its way from the reader to the writer.
type block struct {
	buffer *[chunk]byte
	n      int
}

// copyAhead copies r to w until r ends or either fails, and returns how much was
// written and both errors; the end of r is none. When it returns, its goroutine
// has ended.
func copyAhead(w io.Writer, r io.Reader) (written int64, writeErr, readErr error) {
	p := &pump{full: make(chan block, ahead), empty: make(chan *[chunk]byte, ahead)}
	for range ahead {
		p.empty <- chunks.Get().(*[chunk]byte)
	}
	var writer sync.WaitGroup
	writer.Go(func() { written, writeErr = p.write(w) })
	readErr = p.read(r)
	close(p.full)
	writer.Wait()
	for range ahead {
		chunks.Put(<-p.empty)
	}
	return written, writeErr, readErr
}

// read fills blocks with what r gives. A failure of r does not lose what came
// before it.
func (p *pump) read(r io.Reader) error {
	for !p.failed.Load() {
		buffer := <-p.empty
		n, err := fill(r, buffer[:])
		p.full <- block{buffer, n}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fill is io.ReadFull for a reader that may end: that one could not tell a source
// that ends from one that reports to have been cut off.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

// write empties blocks into w; after an error it only gives them back.
func (p *pump) write(w io.Writer) (written int64, err error) {
	for b := range p.full {
		if err == nil {
			var n int
			n, err = w.Write(b.buffer[:b.n])
			written += int64(n)
			p.failed.Store(err != nil)
		}
		p.empty <- b.buffer
	}
	return written, err
}
