package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

// Put streams a module from r into the store and returns what it is. A module
// that is there already is written again, which repairs it.
//
// wantSHA256 is the hash that the module must have, "" for any. Errors are
// *failure.Error: TooLarge, DigestMismatch and what Inspect says are terminal;
// StoreFailed, when the disk is full for instance, is not. An error of r is
// passed on as it is classified. Nothing is left behind after an error.
func (s *Store) Put(ctx context.Context, r io.Reader, wantSHA256 string) (module.Info, error) {
	if err := s.haveRoom(); err != nil {
		return module.Info{}, err
	}
	f, err := os.CreateTemp(s.temp, "module-")
	if err != nil {
		return module.Info{}, s.writeFailed("create a temporary file", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already once it is published
	defer f.Close()           //nolint:errcheck // synced before it counts
	name := newNaming(r)
	info, err := s.receive(ctx, f, r, name, wantSHA256)
	if err != nil {
		return module.Info{}, err
	}
	return info, s.publish(f.Name(), info, name.own)
}

// receive writes r to f and answers for the result: size, hash, content.
func (s *Store) receive(ctx context.Context, f *os.File, r io.Reader, name naming, wantSHA256 string) (module.Info, error) {
	capped := io.LimitReader(endingReader{ctx, r}, s.o.MaxModuleBytes+1)
	size, writeErr, readErr := copyAhead(name.through(&file{File: f}), capped)
	switch {
	case writeErr != nil:
		return module.Info{}, s.writeFailed("write the module", writeErr)
	case readErr != nil && failure.Of(readErr).Terminal: // how far it came does not matter
		return module.Info{}, readErr
	case readErr != nil:
		return module.Info{}, failure.Wrapf(readErr, "read the module after %d bytes", size)
	case size > s.o.MaxModuleBytes:
		return module.Info{}, module.TooLarge(s.o.MaxModuleBytes)
	}
	info := module.Info{SHA256: name.sha256(), Size: size}
	if wantSHA256 != "" && wantSHA256 != info.SHA256 {
		return module.Info{}, failure.Terminalf(v1alpha1.ReasonDigestMismatch, "the module's sha256 is %s, wanted %s", info.SHA256, wantSHA256)
	}
	var err error
	if info.ABI, err = s.o.Inspect(f, size); err != nil {
		return module.Info{}, err
	}
	if err = f.Sync(); err != nil {
		return module.Info{}, s.writeFailed("sync the module", err)
	}
	return info, nil
}

// publish gives the complete file at path its name and makes it known.
func (s *Store) publish(path string, info module.Info, verified bool) error {
	stripe := s.stripe(info.SHA256)
	stripe.Lock()
	defer stripe.Unlock()
	e := s.fresh(info)
	e.verified.Store(verified)
	if s.entry(info.SHA256) == nil { // else its record stays: it knows the sources
		if err := s.writeRecord(info.SHA256, recordOf(e, nil)); err != nil {
			return err
		}
	}
	if err := os.Rename(path, s.path(info.SHA256)); err != nil {
		return s.writeFailed("publish module "+info.SHA256, err)
	}
	if err := syncDir(s.modules); err != nil {
		return s.writeFailed("publish module "+info.SHA256, err)
	}
	s.add(e)
	if s.overLimit() {
		s.press()
	}
	return nil
}

// fresh is the entry of a module that was received just now.
func (s *Store) fresh(info module.Info) *entry {
	now := s.o.Now()
	e := &entry{Module: Module{Info: info, FetchedAt: now}}
	e.wanted.Store(now.UnixNano())
	e.stamped.Store(now.UnixNano())
	e.verified.Store(true)
	return e
}

func (s *Store) haveRoom() error {
	if !s.overLimit() {
		return nil
	}
	s.press()
	return failure.Transientf(v1alpha1.ReasonStoreFailed, "the store is full: it holds %d bytes of %d", s.Usage().Bytes, s.o.MaxTotalBytes)
}

func (s *Store) overLimit() bool {
	return s.o.MaxTotalBytes > 0 && s.Usage().Bytes > s.o.MaxTotalBytes
}

// writeFailed classifies an error of our own disk and asks for room if it is full.
func (s *Store) writeFailed(attempt string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		s.mu.Lock()
		s.lacking = s.o.MaxModuleBytes
		s.mu.Unlock()
		s.press()
	}
	return failure.Transientf(v1alpha1.ReasonStoreFailed, "store: %w", fmt.Errorf("%s: %w", attempt, err))
}
