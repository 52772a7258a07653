//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/autowasm/autowasm/e2e/process"
)

// cgroupDir is where the control groups are mounted: one hierarchy (version 2), or a directory for each of several
// (version 1).
const cgroupDir = "/sys/fs/cgroup"

// cgroupName is that of the group of a cluster in each hierarchy, below which each node has one: as long as two clusters
// are in two directories, they have two names.
func cgroupName(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "autowasm-" + hex.EncodeToString(sum[:4])
}

// nodeCgroup is the path of a node's group in each hierarchy.
func (c *Cluster) nodeCgroup(node string) string { return "/" + cgroupName(c.options.Dir) + "/" + node }

// hierarchies are the directories of the roots: of what else is in cgroupDir, nothing is the kernel's.
func hierarchies() ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(cgroupDir, "*"))
	if err != nil {
		return nil, fmt.Errorf("find the control groups: %w", err)
	}
	roots := slices.DeleteFunc(append(dirs, cgroupDir), func(dir string) bool { return !isCgroupRoot(dir) })
	if len(roots) == 0 {
		return nil, fmt.Errorf("find the control groups: none are mounted at or below %s", cgroupDir)
	}
	return roots, nil
}

// isCgroupRoot tells whether a directory is where a hierarchy is mounted.
func isCgroupRoot(dir string) bool {
	var fs, above unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || unix.Statfs(filepath.Dir(dir), &above) != nil {
		return false
	}
	isCgroup := func(s unix.Statfs_t) bool {
		return s.Type == unix.CGROUP_SUPER_MAGIC || s.Type == unix.CGROUP2_SUPER_MAGIC
	}
	return isCgroup(fs) && !isCgroup(above)
}

// makeCgroups makes the nodes' groups, which kubelet expects to find.
func (c *Cluster) makeCgroups(context.Context) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		for _, n := range nodeNets {
			if err := makeCgroup(root, c.nodeCgroup(n.name)); err != nil {
				return fmt.Errorf("make the control groups of %s: %w", n.name, err)
			}
		}
	}
	return nil
}

// makeCgroup makes a group and those above it. In the hierarchy cpuset of version 1 a new group has no CPUs and no memory
// until it is given some.
func makeCgroup(root, path string) error {
	parent := root
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if filepath.Base(root) == "cpuset" {
				if err := copyValue(filepath.Join(parent, file), filepath.Join(dir, file)); err != nil {
					return err
				}
			}
		}
		parent = dir
	}
	return nil
}

func copyValue(from, to string) error {
	value, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, value, 0o644)
}

// removeCgroups removes the groups of a cluster in a directory, whose processes have ended: the kernel takes a moment to
// notice.
func removeCgroups(ctx context.Context, dir string) error {
	roots, err := hierarchies()
	if err != nil {
		return nil // where there are none, none is left
	}
	for _, root := range roots {
		group := filepath.Join(root, cgroupName(dir))
		if err := process.Poll(ctx, func(context.Context) error { return removeTree(group) }); err != nil {
			return fmt.Errorf("remove the control group %s: %w", group, err)
		}
	}
	return nil
}

// removeTree removes a group and those below it, the lowest first. Their files go with them.
func removeTree(group string) error {
	var dirs []string
	err := filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		if errors.Is(err, fs.ErrNotExist) { // a group can go while it is listed
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
