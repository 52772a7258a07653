//go:build unix && !aix && !solaris

// SPDX-License-Identifier: Apache-2.0

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// flock locks an open file, unless another has the lock.
func flock(f *os.File) (ok bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
