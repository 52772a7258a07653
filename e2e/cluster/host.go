//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// SystemPath are directories with programs that a cluster runs, which are not on every user's PATH.
const SystemPath = "/usr/local/sbin:/usr/sbin:/sbin"

// cniDir is where Debian puts the CNI plugins.
const cniDir = "/usr/lib/cni"

// cniPlugins are those of them that a node's network takes.
var cniPlugins = []string{"ptp", "host-local", "portmap", "loopback"}

// needed are the programs of other people that a cluster runs, with Debian's package of each.
var needed = []struct{ program, pkg string }{
	{"containerd", "containerd"}, {"containerd-shim-runc-v2", "containerd"}, {"runc", "runc"},
	{cniDir + "/ptp", "containernetworking-plugins"}, {cniDir + "/host-local", "containernetworking-plugins"},
	{cniDir + "/portmap", "containernetworking-plugins"}, {cniDir + "/loopback", "containernetworking-plugins"},
	{"iptables", "iptables"}, {"nft", "nftables"}, {"ip", "iproute2"}, {"mount", "mount"}, {"nsenter", "util-linux"},
	{"dash", "dash"},
}

// CheckHost returns an error that says why this machine cannot run a cluster, and what to do.
func CheckHost() error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root: its nodes are network and mount namespaces")
	}
	if missing := MissingPackages(); len(missing) > 0 {
		return fmt.Errorf("a cluster runs programs that are not installed: apt-get install -y --no-install-recommends %s",
			strings.Join(missing, " "))
	}
	if err := makeNamespaces(); err != nil {
		return fmt.Errorf("a cluster needs to make network and mount namespaces, which this machine refuses to its root "+
			"(in a container, run it privileged): %w", err)
	}
	return nil
}

// makeNamespaces tries whether this process may. The namespaces end with the thread that has them.
func makeNamespaces() error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET)
	}()
	return <-result
}

// MissingPackages are the names of the Debian packages that a cluster needs and this machine lacks, sorted.
func MissingPackages() (pkgs []string) {
	for _, n := range needed {
		if _, err := exec.LookPath(n.program); err != nil {
			pkgs = append(pkgs, n.pkg)
		}
	}
	slices.Sort(pkgs)
	return slices.Compact(pkgs)
}
