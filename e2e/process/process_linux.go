// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// ownProcessGroup keeps a terminal's Ctrl-C from the parts, which are stopped in order instead, and has the kernel
// end them when this process is killed, so that a test that ran out of time leaves nothing behind.
func ownProcessGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
