//go:build linux && (amd64 || arm64)

package store

import (
	"os"
	"syscall"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE of sync_file_range(2): begin, and do
// not wait.
const syncFileRangeWrite = 2

// beginWriteback is a hint. File systems that do not take it lose nothing.
func beginWriteback(f *os.File, offset, size int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), offset, size, syncFileRangeWrite)
}
