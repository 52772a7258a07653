//go:build linux

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/autowasm/autowasm/e2e/process"
)

// Command is the first argument that makes this program a machine's first process, which is to call Init with the second.
const Command = "machine"

// Options say what a machine is like.
type Options struct {
	Name   string `json:"name"` // its host name, and its log's
	Dir    string `json:"dir"`  // absolute; holds what is written for the machine, and its temporary files
	LogDir string `json:"logDir"`
	// Mounts are made in this order, in the machine alone.
	Mounts []Mount `json:"mounts"`
	// Keep are directories that are seen at their paths even where a mount hides what is above them.
	Keep []string `json:"keep"`
	// Sysctls are values that are read in the machine in place of the kernel's, by their paths below /proc/sys. What a
	// program writes to them is not seen outside.
	Sysctls map[string]string `json:"sysctls"`
	// Died is called when the machine ends by itself; it may be nil.
	Died func(*process.Process) `json:"-"`
}

// A Mount shows a directory at another path.
type Mount struct {
	Source string `json:"source"` // made if it is absent
	Target string `json:"target"`
	Shared bool   `json:"shared"` // what is mounted below it later is seen in the namespaces that are made of this one
}

// A Machine is a running one.
type Machine struct {
	options Options
	init    *process.Process
}

// namespaces are those of a machine, the mounts last: /proc/PID/ns is looked up in them.
var namespaces = []struct {
	name string
	flag uintptr
}{
	{"pid", unix.CLONE_NEWPID}, {"net", unix.CLONE_NEWNET}, {"uts", unix.CLONE_NEWUTS}, {"ipc", unix.CLONE_NEWIPC},
	{"mnt", unix.CLONE_NEWNS},
}

// Start starts a machine, which has no network link but a loopback interface that is down.
func Start(ctx context.Context, o Options) (*Machine, error) {
	m := &Machine{options: o}
	if err := m.prepare(); err != nil {
		return nil, fmt.Errorf("prepare machine %s: %w", o.Name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program of machine %s: %w", o.Name, err)
	}
	m.init, err = process.Start(process.Command{
		Name: o.Name, Path: self, Args: []string{Command, m.file("machine.json")}, Attributes: isolate,
	}, o.LogDir, o.Died)
	if err != nil {
		return nil, err
	}
	if err := m.init.WaitReady(ctx, process.Timeout, m.ready); err != nil {
		return nil, errors.Join(process.NewError(m.init, err), m.init.Kill())
	}
	m.init.Watch()
	return m, nil
}

func isolate(a *syscall.SysProcAttr) {
	for _, n := range namespaces {
		a.Cloneflags |= n.flag
	}
}

// prepare writes what Init reads.
func (m *Machine) prepare() error {
	for _, dir := range append([]string{m.options.Dir, m.file("tmp"), m.options.LogDir}, sources(m.options.Mounts)...) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	text, err := json.Marshal(m.options)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.file("machine.json"), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(m.file("ready"), nil, 0o644)
}

func sources(mounts []Mount) (dirs []string) {
	for _, mount := range mounts {
		dirs = append(dirs, mount.Source)
	}
	return dirs
}

func (m *Machine) ready(context.Context) error {
	text, err := os.ReadFile(m.file("ready"))
	if err == nil && len(text) == 0 {
		err = errors.New("its mounts are not made yet")
	}
	return err
}

func (m *Machine) file(name string) string { return filepath.Join(m.options.Dir, name) }

// Name is its host name.
func (m *Machine) Name() string { return m.options.Name }

// PID is the id, outside of the machine, of its first process, whose namespaces are the machine's.
func (m *Machine) PID() int { return m.init.PID() }

// Start starts a program in the machine. It ends with the machine, and so with this process: the signal that others get
// from the kernel would end it at once, since the parent of what starts in another process namespace counts as dead.
func (m *Machine) Start(c process.Command, died func(*process.Process)) (*process.Process, error) {
	c.Enter = m.enter
	c.Attributes = func(a *syscall.SysProcAttr) { a.Pdeathsig = 0 }
	c.Env = append([]string{"TMPDIR=" + m.file("tmp")}, c.Env...)
	return process.Start(c, m.options.LogDir, died)
}

// Stop ends the machine and everything that runs in it, at once.
func (m *Machine) Stop() error { return m.init.Kill() }
