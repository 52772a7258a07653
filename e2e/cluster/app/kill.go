// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// kill ends the processes of a program in the Pod of that UID at once, as the kernel does when memory runs out.
func kill(name, uid string) error {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	killed := 0
	for _, dir := range processes {
		if !runs(dir, name) || !belongs(dir, uid) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
		killed++
	}
	if killed == 0 {
		return fmt.Errorf("no process of %d is %s in Pod %s: does this Pod have hostPID?", len(processes), name, uid)
	}
	return nil
}

// runs tells whether a process runs a program. One that has ended meanwhile does not.
func runs(process, name string) bool {
	comm, err := os.ReadFile(filepath.Join(process, "comm"))
	return err == nil && strings.TrimSpace(string(comm)) == name
}

// belongs tells whether a process is a Pod's: the names of control groups have the UID, with systemd's with underscores.
func belongs(process, uid string) bool {
	groups, err := os.ReadFile(filepath.Join(process, "cgroup"))
	return err == nil && strings.Contains(strings.ReplaceAll(string(groups), "_", "-"), uid)
}
