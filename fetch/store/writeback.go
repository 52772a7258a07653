package store

import "os"

// writebackStep is how many bytes are written before the disk is set to work.
const writebackStep = 2 << 20

// file is a file whose bytes go to the disk while it is still being written, where
// the system can do that: the sync at the end then finds little left to wait for.
type file struct {
	*os.File
	written, begun int64
}

// Write writes p and from time to time sets the disk to work.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	if f.written-f.begun >= writebackStep {
		beginWriteback(f.File, f.begun, f.written-f.begun)
		f.begun = f.written
	}
	return n, err
}
