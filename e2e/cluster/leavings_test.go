//go:build linux && cluster

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/machine"
	"github.com/autowasm/autowasm/e2e/process"
)

// TestMain lets the test's program be a machine's first process, as the cluster's own is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == machine.Command {
		if err := machine.Init(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestNothingIsLeft starts a cluster, which runs Pods, and stops it. This machine is then as it was.
func TestNothingIsLeft(t *testing.T) {
	before := observe(t)
	c, err := Start(t.Context(), Options{Dir: t.TempDir(), Log: testLog{t}, WithoutMesh: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.sysctls, sysctls(t)); diff != "" {
		t.Errorf("the cluster has set sysctls of this machine (-before +now):\n%s", diff)
	}
	if diff := cmp.Diff(before.links, links(t)); diff != "" {
		t.Errorf("the cluster has links in this machine's own network (-before +now):\n%s", diff)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	before.compare(t)
}

// TestNothingIsLeftOfAKilledCluster ends a cluster's machines as the kernel does when the process that runs them is
// killed.
func TestNothingIsLeftOfAKilledCluster(t *testing.T) {
	before := observe(t)
	dir := t.TempDir()
	c, err := Start(t.Context(), Options{Dir: dir, Log: testLog{t}, WithoutMesh: true, OnFailure: func(*process.Error) {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(c.nodes, c.control) {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
	if err := Clean(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	before.compare(t)
}

// A testLog is a cluster's log.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// observed is what of this machine a cluster could change.
type observed struct {
	namespaces, mounts, links, cgroups []string
	sysctls                            map[string]string
}

func observe(t *testing.T) observed {
	t.Helper()
	return observed{
		namespaces: namespaces(t), mounts: mounts(t), links: links(t), cgroups: cgroups(t), sysctls: sysctls(t),
	}
}

// compare waits for the kernel to take down what has ended, and fails the test when something stays different.
func (o observed) compare(t *testing.T) {
	t.Helper()
	err := process.Poll(t.Context(), func(context.Context) error {
		for what, lists := range map[string][2][]string{
			"namespaces": {o.namespaces, namespaces(t)}, "mounts": {o.mounts, mounts(t)}, "links": {o.links, links(t)},
			"control groups": {o.cgroups, cgroups(t)},
		} {
			if left := without(lists[1], lists[0]); len(left) > 0 {
				return fmt.Errorf("%s are left: %s", what, strings.Join(left, ", "))
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(o.sysctls, sysctls(t)); diff != "" {
		t.Errorf("sysctls have changed (-before +after):\n%s", diff)
	}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// namespaces are those that some process is in.
func namespaces(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	paths, err := filepath.Glob("/proc/[0-9]*/ns/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if name, err := os.Readlink(path); err == nil { // the process may have ended
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func mounts(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(strings.Lines(string(text)))
}

func links(t *testing.T) (names []string) {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	return names
}

func cgroups(t *testing.T) (dirs []string) {
	t.Helper()
	err := filepath.WalkDir(cgroupDir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // a group can go while it is listed
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// sysctls are values that a cluster's parts are known to set where they are left to: kubelet the first ones, kube-proxy and
// CNI plugins those of a network, which have to be the cluster's own.
func sysctls(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	names := slices.Collect(maps.Keys(kubeletSysctls))
	for _, pattern := range []string{"net/ipv4/*", "net/ipv4/conf/all/*", "net/netfilter/*", "net/core/*", "vm/*", "kernel/*"} {
		files, err := filepath.Glob(filepath.Join("/proc/sys", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			names = append(names, strings.TrimPrefix(file, "/proc/sys/"))
		}
	}
	for _, name := range names {
		value, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if err != nil || slices.Contains(counters, name) {
			continue // a directory, or one that is only written
		}
		values[name] = string(bytes.TrimSpace(value))
	}
	return values
}

// counters are sysctls that change by themselves.
var counters = []string{"kernel/ns_last_pid", "kernel/random", "net/netfilter/nf_conntrack_count", "vm/stat_refresh", "kernel/tainted"}
