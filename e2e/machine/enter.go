//go:build linux

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/autowasm/autowasm/e2e/process"
)

// The first thread of a process does not end before it. It is kept for the first goroutine, so that no other one enters
// a machine on it.
func init() { runtime.LockOSThread() }

// enter brings the calling thread, which has to be locked and never unlocked, into the machine's namespaces. What it
// starts then runs in the machine.
func (m *Machine) enter() error {
	names := make([]string, len(namespaces))
	for i, n := range namespaces {
		names[i] = n.name
	}
	return m.enterSome(names...)
}

// enterNetwork is enter for the network alone.
func (m *Machine) enterNetwork() error { return m.enterSome("net") }

func (m *Machine) enterSome(names ...string) error {
	if !m.init.Running() {
		return fmt.Errorf("machine %s has ended", m.options.Name)
	}
	// A thread that shares its working directory with others cannot have mounts of its own.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("separate a thread from the others: %w", err)
	}
	for _, name := range names {
		if err := m.enterNamespace(name); err != nil {
			return fmt.Errorf("enter machine %s: %w", m.options.Name, err)
		}
	}
	return nil
}

func (m *Machine) enterNamespace(name string) error {
	f, err := os.Open(m.namespace(name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), 0); err != nil {
		return fmt.Errorf("its namespace %s: %w", name, err)
	}
	return nil
}

func (m *Machine) namespace(name string) string { return fmt.Sprintf("/proc/%d/ns/%s", m.PID(), name) }

// NetworkPath is a file that stands for the machine's network, for as long as the machine runs.
func (m *Machine) NetworkPath() string { return m.namespace("net") }

// DialContext connects from the machine's network. The address is an IP address with a port.
func (m *Machine) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	m.inNetwork(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address)
		return err
	}, &err)
	return conn, err
}

// Run runs a program of this machine in the other machine's network, with this process's files, and returns what it
// printed. An error has its standard error.
func (m *Machine) Run(ctx context.Context, cmd *exec.Cmd) (out string, err error) {
	m.inNetwork(func() error {
		out, err = process.Output(cmd)
		return err
	}, &err)
	return out, err
}

// Configure sets up the machine's network with commands for ip, one to a line.
func (m *Machine) Configure(ctx context.Context, lines ...string) error {
	cmd := exec.CommandContext(ctx, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if _, err := m.Run(ctx, cmd); err != nil {
		return fmt.Errorf("set up the network of machine %s: %w", m.options.Name, err)
	}
	return nil
}

// inNetwork calls fn on a thread in the machine's network, which ends with it.
func (m *Machine) inNetwork(fn func() error, err *error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: a thread that is in another network must run nothing else
		if *err = m.enterNetwork(); *err == nil {
			*err = fn()
		}
	}()
	<-done
}
