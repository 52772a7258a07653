//go:build !linux

package process

import "syscall"

// ownProcessGroup keeps a terminal's Ctrl-C from the parts, which are stopped in order instead.
func ownProcessGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
