// SPDX-License-Identifier: Apache-2.0

// Package filelock has one process at a time do something, by a lock on a file or on a directory. The kernel drops
// a lock with the process that has it, so that one that was killed never blocks the next, and whoever finds the
// lock free knows that nobody is at work.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// interval is how often a waiting Acquire looks.
const interval = 100 * time.Millisecond

// Acquire takes the lock on a path, and waits for it as long as ctx allows. The path is a directory that exists, or
// else a file, which it makes with its directory. Nobody may remove either but who has the lock.
func Acquire(ctx context.Context, path string) (release func(), err error) {
	for {
		release, ok, err := TryAcquire(path)
		if ok || err != nil {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock on %s: %w", path, ctx.Err())
		case <-time.After(interval):
		}
	}
}

// TryAcquire is Acquire without waiting: ok tells whether it got the lock.
func TryAcquire(path string) (release func(), ok bool, err error) {
	f, err := open(path)
	if err != nil {
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	ok, err = flock(f)
	if ok {
		return func() { f.Close() }, true, nil
	}
	f.Close()
	if err != nil {
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return nil, false, nil
}

func open(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return os.Open(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
}

// Held tells whether somebody has the lock on a path. A path that does not exist is not locked.
func Held(path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	release, ok, err := TryAcquire(path)
	if ok {
		release()
	}
	return err == nil && !ok, err
}
