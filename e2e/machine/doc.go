// SPDX-License-Identifier: Apache-2.0

// Package machine makes hosts out of Linux namespaces: each has its own processes, mounts, network, host name and
// interprocess communication, and shares the kernel and the files of the machine that it runs on. It needs root.
//
// A machine is held by its first process, which is this program with Command for its first argument; Init is what it
// runs. When that process ends, and the kernel ends it with the one that started it, the kernel ends everything that runs
// in the machine and removes its mounts and network links: nothing has to be found again to be cleaned up.
//
// Programs are started in a machine by a thread of this process that enters the machine's namespaces first, so that they
// are this process's own children (package process), with their output in its log files.
package machine
