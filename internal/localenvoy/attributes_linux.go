// SPDX-License-Identifier: Apache-2.0

package localenvoy

import "syscall"

// endsWithParent has the kernel end a child when its parent has ended.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
