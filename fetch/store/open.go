// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/autowasm/autowasm/fetch/module"
)

// touchInterval is how often a module's last use is written to disk.
const touchInterval = time.Minute

// errDamaged marks a file whose content is not what its name says.
var errDamaged = errors.New("the file is damaged")

// OpenFile opens the module of that sha256 for reading and marks it as served. The caller closes the file, and may
// read it to the end even if the module is evicted meanwhile. The error wraps fs.ErrNotExist when the store does not
// have the module, or had it and found it damaged.
func (s *Store) OpenFile(sha256 string) (*os.File, module.Info, error) {
	e := s.entry(sha256)
	if e == nil {
		return nil, module.Info{}, fmt.Errorf("open module %s: %w", sha256, fs.ErrNotExist)
	}
	f, err := s.openVerified(e)
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Error(err, "Module is damaged or missing, removing it", "sha256", sha256)
		s.discard(e)
		return nil, module.Info{}, fmt.Errorf("open module %s: %w: %w", sha256, fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, module.Info{}, fmt.Errorf("open module %s: %w", sha256, err)
	}
	now := s.o.Now()
	e.served.Store(now.UnixNano())
	s.touch(e, now)
	return f, e.Info, nil
}

func (s *Store) openVerified(e *entry) (*os.File, error) {
	f, err := os.Open(s.path(e.SHA256))
	if err != nil {
		return nil, err
	}
	if err := verify(e, f); err != nil {
		f.Close() //nolint:errcheck // only read
		return nil, err
	}
	return f, nil
}

// verify checks the size each time, which is cheap, and the hash once.
func verify(e *entry, f *os.File) error {
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	if stat.Size() != e.Size {
		return fmt.Errorf("%w: it has %d bytes instead of %d", errDamaged, stat.Size(), e.Size)
	}
	e.checking.Lock()
	defer e.checking.Unlock()
	if e.verified {
		return nil
	}
	got, err := hashOf(io.NewSectionReader(f, 0, e.Size))
	if err != nil {
		return err
	}
	if got != e.SHA256 {
		return fmt.Errorf("%w: its sha256 is %s", errDamaged, got)
	}
	e.verified = true
	return nil
}

func hashOf(r io.Reader) (string, error) {
	digest := sha256.New()
	if _, err := io.Copy(digest, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// discard removes a module whose file is gone or damaged, unless it was put again.
func (s *Store) discard(e *entry) {
	lock := s.fileLock(e.SHA256)
	lock.Lock()
	defer lock.Unlock()
	s.mu.Lock()
	known := s.remove(e)
	s.mu.Unlock()
	if !known {
		return
	}
	if err := s.removeFiles(e.SHA256); err != nil {
		s.o.Log.Error(err, "Failed to remove a damaged module", "sha256", e.SHA256)
	}
}

// touch writes the last use into the file's times, for after a restart, once a minute at most.
func (s *Store) touch(e *entry, now time.Time) {
	last := e.touched.Load()
	if now.UnixNano()-last < int64(touchInterval) || !e.touched.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	if err := os.Chtimes(s.path(e.SHA256), now, now); err != nil && !os.IsNotExist(err) {
		s.o.Log.Error(err, "Failed to set the time of a module's last use", "sha256", e.SHA256)
	}
}
