// SPDX-License-Identifier: Apache-2.0

// Package buffertest has a buffer that can be read while it is written, for tests of what runs in the background.
package buffertest

import (
	"bytes"
	"sync"
)

// A Buffer keeps all that is written to it. It may be used by several goroutines; the zero value is empty.
type Buffer struct {
	mu      sync.Mutex
	written bytes.Buffer
}

// Write never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written.Write(p)
}

// Take returns what was written since the last Take.
func (b *Buffer) Take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.written.Reset()
	return b.written.String()
}

// String returns what was written so far, since the last Take.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written.String()
}
