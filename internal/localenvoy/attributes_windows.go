// SPDX-License-Identifier: Apache-2.0

package localenvoy

import "syscall"

// apart keeps a console's Ctrl-C from the supervisor, which has to outlive its owner.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
