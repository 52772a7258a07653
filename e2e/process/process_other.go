//go:build !linux

// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// ownProcessGroup keeps a terminal's Ctrl-C from the parts, which are stopped in order instead.
func ownProcessGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
