package store

import (
	"context"
	"errors"
	"io"
	"sync"
)

// chunk is how much of a module is in memory while it is streamed.
const chunk = 256 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// copyAll copies r to w through a buffer of the pool.
func copyAll(w io.Writer, r io.Reader) (int64, error) {
	buffer := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buffer)
	return io.CopyBuffer(writerOnly{w}, readerOnly{r}, buffer[:])
}

// writerOnly and readerOnly hide shortcuts that would copy in their own way.
type writerOnly struct{ io.Writer }
type readerOnly struct{ io.Reader }

// watchedReader reads until its context ends and remembers the error, so that a
// source that fails can be told from a disk that does.
type watchedReader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		w.err = err
		return 0, err
	}
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
