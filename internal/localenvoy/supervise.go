// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
)

// Supervise runs a program until it ends by itself, in is closed or ctx ends, and then removes dir. It returns why the
// program ended by itself, which is nil for an exit code of 0, and whether it did.
func Supervise(ctx context.Context, in io.Reader, dir string, program []string) (ended bool, err error) {
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with in, at the latest with this process
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	// The kernel ends a child whose parent died with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.CommandContext(ctx, program[0], program[1:]...)
	command.Stderr = os.Stderr
	command.SysProcAttr = endsWithParent()
	err = command.Run()
	if ctx.Err() != nil {
		return false, nil
	}
	return true, err
}
