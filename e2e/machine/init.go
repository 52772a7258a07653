//go:build linux

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init is what the first process of a machine runs: it makes the machine's mounts, says so, and holds the machine until
// it is asked to end.
func Init(config string) error {
	// Processes whose parents have ended become this one's children, and are not kept until it asks for them.
	signal.Ignore(syscall.SIGCHLD)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM)
	o, err := readOptions(config)
	if err != nil {
		return err
	}
	ready, err := os.OpenFile(filepath.Join(o.Dir, "ready"), os.O_WRONLY, 0) // which a mount may hide
	if err != nil {
		return fmt.Errorf("open the file that tells that machine %s is ready: %w", o.Name, err)
	}
	if err := set(o); err != nil {
		return fmt.Errorf("set up machine %s: %w", o.Name, err)
	}
	if _, err := ready.WriteString("ready\n"); err != nil {
		return fmt.Errorf("tell that machine %s is ready: %w", o.Name, err)
	}
	<-ends
	return nil
}

func readOptions(path string) (o Options, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return o, fmt.Errorf("read what a machine is like: %w", err)
	}
	return o, nil
}

func set(o Options) error {
	if err := unix.Sethostname([]byte(o.Name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep its mounts to itself: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	kept, err := open(append(o.Keep, o.Dir))
	if err != nil {
		return err
	}
	for _, m := range o.Mounts {
		if err := mount(m, kept); err != nil {
			return err
		}
	}
	if err := setSysctls(o); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) // of its own network
}

// open opens directories before mounts hide them.
func open(paths []string) (dirs []*os.File, err error) {
	for _, path := range paths {
		dir, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("keep %s in sight: %w", path, err)
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// mount makes a mount and shows the kept directories that it hid.
func mount(m Mount, kept []*os.File) error {
	if err := bind(m.Source, m.Target); err != nil {
		return err
	}
	if m.Shared {
		if err := unix.Mount("", m.Target, "", unix.MS_SHARED, ""); err != nil {
			return fmt.Errorf("share the mounts below %s: %w", m.Target, err)
		}
	}
	for _, dir := range kept {
		if !strings.HasPrefix(dir.Name(), m.Target+"/") {
			continue
		}
		if err := os.MkdirAll(dir.Name(), 0o755); err != nil {
			return fmt.Errorf("show %s again: %w", dir.Name(), err)
		}
		if err := bind(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), dir.Name()); err != nil {
			return err
		}
	}
	return nil
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, target, err)
	}
	return nil
}

// setSysctls puts a file over each value, unless this kernel has none.
func setSysctls(o Options) error {
	for name, value := range o.Sysctls {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
			continue
		}
		file := filepath.Join(o.Dir, "sysctl-"+strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("write the value of %s: %w", name, err)
		}
		if err := bind(file, target); err != nil {
			return err
		}
	}
	return nil
}
