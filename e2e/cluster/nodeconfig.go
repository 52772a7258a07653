//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed node
var nodeFiles embed.FS

var nodeTemplates = template.Must(template.ParseFS(nodeFiles, "node/*"))

// nodeCNIDir is where a node has its CNI plugins, in bin, and what says which to use, in net.d: in its own /var/lib, so that
// Istio's plugin can be installed there and is in no other node's way.
const nodeCNIDir = "/var/lib/cni"

// A nodeConfig is what the files in node/ are made with.
type nodeConfig struct {
	Name, Address, Pods                         string
	Dir                                         string // that has the files
	CNIDir, Containerd, Cgroup, ProxyKubeconfig string
	DNS, PodCIDR                                string
	Pause                                       string // image
	Registry                                    string // host:port, in the file for each registry
}

// configureNode writes what containerd, kubelet, kube-proxy and the CNI plugins of a node read.
func (c *Cluster) configureNode(n nodeNet) error {
	config := nodeConfig{
		Name: n.name, Address: n.address, Pods: n.pods, Dir: c.data(n.name),
		CNIDir: nodeCNIDir, Containerd: containerdSocket, Cgroup: c.nodeCgroup(n.name),
		ProxyKubeconfig: c.kubeconfigOf("system:kube-proxy"), DNS: dnsService, PodCIDR: podCIDR,
		Pause: c.images.pause,
	}
	for template, file := range map[string]string{
		"containerd.toml": "containerd.toml", "kubelet.yaml": "kubelet.yaml", "kube-proxy.yaml": "kube-proxy.yaml",
		"10-autowasm.conflist": "lib/cni/net.d/10-autowasm.conflist",
	} {
		if err := config.write(template, file); err != nil {
			return err
		}
	}
	for _, registry := range []string{imagesRegistry(), c.Registry()} {
		config.Registry = registry
		if err := config.write("hosts.toml", "registries/"+registry+"/hosts.toml"); err != nil {
			return err
		}
	}
	if err := linkPlugins(filepath.Join(config.Dir, "lib/cni/bin")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(config.Dir, "resolv.conf"), nil, 0o644) // there is no name server but the cluster's
}

// linkPlugins gives a node Debian's CNI plugins, in a directory.
func linkPlugins(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, plugin := range cniPlugins {
		if err := os.Symlink(filepath.Join(cniDir, plugin), filepath.Join(dir, plugin)); err != nil {
			return err
		}
	}
	return nil
}

func (n nodeConfig) write(template, file string) error {
	path := filepath.Join(n.Dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := nodeTemplates.ExecuteTemplate(f, template, n); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
