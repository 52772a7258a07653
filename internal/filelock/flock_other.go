//go:build !unix || aix || solaris

// SPDX-License-Identifier: Apache-2.0

package filelock

import (
	"errors"
	"os"
)

// flock is for systems that nothing is downloaded for.
func flock(*os.File) (ok bool, err error) { return false, errors.ErrUnsupported }
