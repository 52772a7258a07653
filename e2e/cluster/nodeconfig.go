//go:build linux

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
		CNIDir: cniDir, Containerd: containerdSocket, Cgroup: c.nodeCgroup(n.name),
		ProxyKubeconfig: c.kubeconfigOf("system:kube-proxy"), DNS: dnsService, PodCIDR: podCIDR,
		Pause: c.images.pause,
	}
	for template, file := range map[string]string{
		"containerd.toml": "containerd.toml", "kubelet.yaml": "kubelet.yaml", "kube-proxy.yaml": "kube-proxy.yaml",
		"10-autowasm.conflist": "cni/10-autowasm.conflist",
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
	return os.WriteFile(filepath.Join(config.Dir, "resolv.conf"), nil, 0o644) // there is no name server but the cluster's
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
