//go:build !race

// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// escape has this program be one that tries to reach what a trial must not.
const escape = "escape"

func init() { children[escape] = escapeFrom }

// escapes are what a child must not do, the parent being the process that started it.
var escapes = map[string]func(parent int) error{
	"opens a file":   func(int) error { return closed(unix.Open("/proc/self/status", unix.O_RDONLY, 0)) },
	"makes a file":   func(int) error { return closed(unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_RDWR, 0o600)) },
	"makes a socket": func(int) error { return closed(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) },
	"makes a file of memory": func(int) error {
		return closed(unix.MemfdCreate("code", 0))
	},
	"starts a program": func(int) error { return exec.Command("/proc/self/exe", escape, "0").Run() },
	"forks": func(int) error {
		pid, _, errno := unix.RawSyscall(unix.SYS_CLONE, 0, 0, 0)
		if errno == 0 && pid == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0) // it does not return
		}
		return failed(errno)
	},
	"signals a thread of its parent": func(parent int) error { return unix.Tgkill(parent, parent, 0) },
	"has a file signal its parent": func(parent int) error {
		_, err := unix.FcntlInt(1, unix.F_SETOWN, parent)
		return err
	},
	"has a file signal it": func(int) error {
		_, err := unix.FcntlInt(1, unix.F_SETFL, unix.O_ASYNC)
		return err
	},
	"signals its parent": func(parent int) error { return unix.Kill(parent, 0) },
	"maps code": func(int) error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	},
	"makes memory code": func(int) error {
		memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return nil
		}
		return unix.Mprotect(memory, unix.PROT_READ|unix.PROT_EXEC)
	},
	"raises a limit": func(int) error {
		var limit unix.Rlimit
		return unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &limit)
	},
}

func closed(file int, err error) error {
	if err == nil {
		unix.Close(file)
	}
	return err
}

func failed(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// escapeFrom prints what is not denied, and whether this process computes and collects its garbage all the same.
func escapeFrom(parent string) {
	pid, _ := strconv.Atoi(parent)
	if err := limitProcess(job{Data: 192 << 20, Time: time.Minute}); err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(escapes)) {
		if err := escapes[name](pid); !errors.Is(err, unix.EPERM) {
			fmt.Printf("%s: %v\n", name, err)
		}
	}
	fmt.Println("done")
}

// TestNothingIsReachedFromAChild, by whatever took over the engine in it.
func TestNothingIsReachedFromAChild(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), thisProgram(), escape, strconv.Itoa(os.Getpid())).CombinedOutput()
	if string(out) != "done\n" || err != nil {
		t.Errorf("%v, of these each has to be denied:\n%s", err, out)
	}
}

// unconfined has this program be one whose container denies seccomp.
const unconfined = "unconfined"

func init() {
	children[unconfined] = func(string) {
		err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: []string{"seccomp"}}},
		}})
		fmt.Println(err, Confined(), limitProcess(job{Data: 192 << 20, Time: time.Minute}))
	}
}

// TestAContainerWithoutSeccomp: trials are made there all the same, and wasmer knows.
func TestAContainerWithoutSeccomp(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), thisProgram(), unconfined, "").CombinedOutput()
	if string(out) != "<nil> false <nil>\n" || err != nil || !Confined() {
		t.Errorf("%v, %s", err, out)
	}
}

// TestTheSystemCallsOfAChildAreKnown for each architecture that wasmer is built for: a name that one lacks would have all trials fail.
func TestTheSystemCallsOfAChildAreKnown(t *testing.T) {
	t.Parallel()
	names := slices.Clone(allowed)
	for _, one := range allowedIf(1) {
		names = append(names, one.Name)
	}
	for _, machine := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		for _, name := range names {
			if _, known := machine.SyscallNames[name]; !known {
				t.Errorf("%s has no %s", machine.Name, name)
			}
		}
	}
}
