// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"sync"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

// What these buy is the time of fetching 20 MB from a registry on loopback onto ext4, with two cores (medians of 30
// and 40 rounds, in turns). BenchmarkPut and BenchmarkFetch20MB measure the sum.
const (
	// bufferBytes is how much is read and written at once: -18 % against the 32 KiB of io.Copy.
	bufferBytes = 256 << 10
	// buffersAhead is how many buffers may be read before the first is written: -35 % against reading and writing by
	// turns, -20 % against an io.Pipe. Without a free core it gains nothing, and costs nothing.
	buffersAhead = 4
	// writebackBytes is how much is written before the kernel begins to write it to the disk: -11 % against one sync.
	writebackBytes = 2 << 20
)

var buffers = sync.Pool{New: func() any { return new([bufferBytes]byte) }}

// Claim is whom a module is put for.
type Claim struct {
	// Namespace is what the module counts against, if it is the first to claim it; "" is none.
	Namespace string
	// Referenced says that proxies need the module already: it is taken in however full the store is.
	Referenced bool
}

// Put streams a module into the store. One that is there is written again, which repairs it.
//
// wantSHA256 is the hash that the module must have, "" for any. Errors are *failure.Error: TooLarge, DigestMismatch
// and those of Inspect are terminal; StoreFailed, when the disk, the store or the namespace's share is full for
// instance, is not. An error of r keeps its classification. Nothing is left behind after an error.
func (s *Store) Put(ctx context.Context, r io.Reader, wantSHA256 string, c Claim) (module.Info, error) {
	if err := s.admit(c); err != nil {
		return module.Info{}, err
	}
	f, err := os.CreateTemp(s.temp, "module-")
	if err != nil {
		return module.Info{}, s.writeFailed("create a temporary file", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // renamed when it is published
	defer f.Close()           //nolint:errcheck // synced before it counts
	info, err := s.receive(f, contextReader{ctx, r})
	if err != nil {
		return module.Info{}, err
	}
	if err := s.check(f, &info, wantSHA256); err != nil {
		return module.Info{}, err
	}
	return info, s.publish(f.Name(), s.newEntry(info, c.Namespace))
}

// receive writes r to f up to the limit, and hashes what it writes.
func (s *Store) receive(f *os.File, r io.Reader) (module.Info, error) {
	digest := sha256.New()
	size, writeErr, readErr := copyAhead(io.MultiWriter(&earlyWriter{File: f}, digest), io.LimitReader(r, s.o.MaxModuleBytes+1))
	switch {
	case writeErr != nil:
		return module.Info{}, s.writeFailed("write the module", writeErr)
	case readErr != nil && failure.Of(readErr).Terminal: // the size does not matter
		return module.Info{}, readErr
	case readErr != nil:
		return module.Info{}, failure.Wrapf(readErr, "read the module after %d bytes", size)
	case size > s.o.MaxModuleBytes:
		return module.Info{}, module.TooLarge(s.o.MaxModuleBytes)
	}
	return module.Info{SHA256: hex.EncodeToString(digest.Sum(nil)), Size: size}, nil
}

// check compares the hash, adds what the module is to info, and syncs the file.
func (s *Store) check(f *os.File, info *module.Info, wantSHA256 string) error {
	if wantSHA256 != "" && wantSHA256 != info.SHA256 {
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "the module's sha256 is %s, wanted %s", info.SHA256, wantSHA256)
	}
	inspected, err := s.o.Inspect(f, info.Size)
	if err != nil {
		return err
	}
	info.ABI, info.CodeBytes, info.Schema = inspected.ABI, inspected.CodeBytes, inspected.Schema
	if err := f.Sync(); err != nil {
		return s.writeFailed("sync the module", err)
	}
	return nil
}

// publish renames the complete file at path to its name and adds it to the index.
func (s *Store) publish(path string, e *entry) error {
	lock := s.fileLock(e.SHA256)
	lock.Lock()
	defer lock.Unlock()
	if s.entry(e.SHA256) == nil { // else its record stays: it has the sources
		if err := s.writeRecord(e.SHA256, recordOf(e)); err != nil {
			return err
		}
	}
	if err := os.Rename(path, s.path(e.SHA256)); err != nil {
		return s.writeFailed("publish module "+e.SHA256, err)
	}
	if err := syncDir(s.modules); err != nil {
		return s.writeFailed("publish module "+e.SHA256, err)
	}
	s.add(e)
	if s.full(e.namespace) != nil {
		s.signalPressure()
	}
	return nil
}

// copyAhead copies r to w until r ends or either fails, and returns how much was written and both errors; the end of r
// is none. It reads while a goroutine writes: what arrives is received and verified on one core, hashed and written on
// another.
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

// readBuffers fills buffers with what r gives, and closes full at the end. What comes with or before an error of r is
// not lost. It never blocks on full, which has room for all buffers.
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

// fill is io.ReadFull, which reports a source that ended and one that was cut off alike, with the error of r as it is.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

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

// earlyWriter is a file that goes to the disk while it is still being written: little is left for the sync at the end.
type earlyWriter struct {
	*os.File
	written, begun int64 // bytes
}

// Write writes p, and begins the writeback of what was written.
func (w *earlyWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	w.written += int64(n)
	if size := w.written - w.begun; size >= writebackBytes {
		beginWriteback(w.File, w.begun, size)
		w.begun = w.written
	}
	return n, err
}
