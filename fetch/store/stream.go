package store

import (
	"context"
	"io"
	"sync"
)

// chunk is how much of a module is read or written at once, in bytes.
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

// endingReader reads until its context ends.
type endingReader struct {
	ctx context.Context
	r   io.Reader
}

func (e endingReader) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
}
