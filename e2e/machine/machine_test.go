//go:build linux && cluster

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/process"
)

// TestMain lets the test's program be a machine's first process.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == Command {
		if err := Init(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, name string) *Machine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	m, err := Start(t.Context(), Options{
		Name: name, Dir: dir, LogDir: t.TempDir(),
		Mounts:  []Mount{{Source: filepath.Join(dir, "lib"), Target: "/var/lib", Shared: true}},
		Sysctls: map[string]string{"kernel/panic": "77", "kernel/not-in-this-kernel": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// run runs a script in a machine and returns the lines that it printed.
func run(t *testing.T, m *Machine, script string) []string {
	t.Helper()
	p, err := m.Start(process.Command{Name: "script", Path: "/bin/sh", Args: []string{"-c", script}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	lines, err := process.Tail(p.Log, 20)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestProgramSeesTheMachine: what a program sees and changes is the machine's.
func TestProgramSeesTheMachine(t *testing.T) {
	m := start(t, "m1")
	before, err := os.ReadFile("/proc/sys/kernel/panic")
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, m, `hostname; ls /var/lib; touch /var/lib/file; cat /proc/sys/kernel/panic; echo 5 >/proc/sys/kernel/panic
		tr '\0' ' ' </proc/1/cmdline | grep -c ' machine '; ls /sys/class/net >/dev/null; cat /proc/sys/net/ipv4/ip_forward; echo $TMPDIR`)
	want := []string{"m1", "77", "1", "1", m.file("tmp")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(m.file("lib/file")); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile("/proc/sys/kernel/panic"); err != nil || string(after) != string(before) {
		t.Errorf("this machine's own value was %q, is %q, %v", before, after, err)
	}
}

// TestCable connects two machines and a listener in one of them with this process.
func TestCable(t *testing.T) {
	a, b := start(t, "a"), start(t, "b")
	err := errors.Join(
		a.Configure(t.Context(), "link set lo up", fmt.Sprintf("link add eth0 type veth peer name eth0 netns %d", b.PID()),
			"address add 192.0.2.1/24 dev eth0", "link set eth0 up"),
		b.Configure(t.Context(), "address add 192.0.2.2/24 dev eth0", "link set eth0 up"))
	if err != nil {
		t.Fatal(err)
	}
	var listener net.Listener
	a.inNetwork(func() error {
		listener, err = net.Listen("tcp", "192.0.2.1:80")
		return err
	}, &err)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := b.DialContext(t.Context(), "tcp", "192.0.2.1:80")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := b.Configure(t.Context(), "link set absent up"); err == nil || !strings.Contains(err.Error(), "Cannot find device") {
		t.Errorf("of a link that is not there: %v", err)
	}
}

// TestStop ends what runs in a machine, with its children in sessions of their own, and nothing starts in it then.
func TestStop(t *testing.T) {
	m := start(t, "m1")
	p, err := m.Start(process.Command{Name: "part", Path: "/bin/sh", Args: []string{"-c", "setsid sleep 4242 & wait"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sleeps := func(want bool) func(context.Context) error {
		return func(context.Context) error {
			if exec.Command("pgrep", "-xf", "sleep 4242").Run() == nil != want {
				return fmt.Errorf("its child runs: %t", !want)
			}
			return nil
		}
	}
	if err := process.Poll(t.Context(), sleeps(true)); err != nil {
		t.Fatal(err)
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := process.Poll(t.Context(), sleeps(false)); err != nil {
		t.Error(err)
	}
	if _, err := m.Start(process.Command{Name: "late", Path: "/bin/true"}, nil); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a start in a machine that has ended: %v", err)
	}
}
