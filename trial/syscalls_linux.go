// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// confine leaves this process, with all of its threads, no system calls but those that Go's runtime makes of a program that computes:
// no file, connection or process can be made from then on, and no code but that of the program runs. What is denied returns
// EPERM. Where there is no seccomp, see Confined, nothing is denied.
func confine() error {
	if !Confined() {
		return nil
	}
	err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, // so that it needs no privileges
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			// Also for other architectures' system calls, which the processor may take.
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionAllow, Names: allowed, NamesWithCondtions: allowedIf(os.Getpid())},
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}}, // glibc then calls clone
			},
		},
	})
	if err != nil {
		return fmt.Errorf("limit the system calls: %w", err)
	}
	return nil
}

// Confined returns whether a child is kept from files, connections and other processes by the kernel: not by one without seccomp,
// nor where the container's own filter denies that.
func Confined() bool { return seccomp.Supported() }

// allowed are what runtime/sys_linux_*.s of Go 1.26 calls and package os for open files, and what glibc adds for a thread of a
// program with cgo.
var allowed = []string{
	"read", "write", "pread64", "close", "fstat", "epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2",
	"munmap", "madvise", "mincore",
	"futex", "sched_yield", "sched_getaffinity", "nanosleep", "clock_gettime", "clock_nanosleep", "gettimeofday", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "gettid", "getpid", "getrandom",
	"rseq", "set_robust_list", "exit", "exit_group",
}

// allowedIf are what reads the mode of a file and does not have it send signals, signals the process alone, begins a thread and
// not a process, and maps memory that holds no code.
func allowedIf(process int) []seccomp.NameWithConditions {
	when := func(name string, argument uint32, operation seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: operation, Value: value}}}
	}
	return []seccomp.NameWithConditions{
		when("fcntl", 1, seccomp.Equal, unix.F_GETFL),
		when("tgkill", 0, seccomp.Equal, uint64(process)),
		when("clone", 0, seccomp.BitsSet, unix.CLONE_THREAD),
		when("mmap", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
		when("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
	}
}
