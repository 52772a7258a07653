//go:build !linux

// SPDX-License-Identifier: Apache-2.0

package localenvoy

import "syscall"

// endsWithParent is the supervisor's task alone where the kernel cannot do it.
func endsWithParent() *syscall.SysProcAttr { return nil }
