// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/internal/envoy"
)

// ProxyOptions say how a proxy is run.
type ProxyOptions struct {
	// Envoy is the pinned version to run. Default: that of the mesh.
	Envoy envoy.Version
	// NotReady returns from the start as soon as the proxy's admin page answers, for a proxy that is not expected to
	// become ready by then.
	NotReady bool
	// IstioVersion is what the proxy tells istiod that it is. Default: that of istiod.
	IstioVersion string
	// Env is added to the environment of this process, as NAME=value.
	Env []string
}

// A Proxy is a running Envoy. Its addresses stay the same over restarts.
type Proxy struct {
	*env.Launched
	AdminURL string // base URL of its admin page
	Pod      *Pod   // whose status tells how it is

	watch watch
}

// Ready returns nil when the proxy says that it is ready, which a cluster's readiness probe asks it.
func (p *Proxy) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return env.Probe(ctx, p.AdminURL+"/ready")
}

// StartSidecar starts an Envoy as the sidecar of a workload and waits until it is ready. It runs until its own Stop or
// the mesh's. For the workload's Pod it is a start, or a restart, of the container of the proxy.
func (m *Mesh) StartSidecar(ctx context.Context, w *Workload, o ProxyOptions) (*Proxy, error) {
	n := w.Node()
	if o.IstioVersion != "" {
		n.Metadata["ISTIO_VERSION"] = o.IstioVersion
	}
	return m.startProxy(ctx, "envoy-"+w.Name, n, w.Pod, o)
}

func (m *Mesh) startProxy(ctx context.Context, name string, n ads.Node, pod *Pod, o ProxyOptions) (*Proxy, error) {
	binary, err := m.findEnvoy(ctx, o.Envoy)
	if err != nil {
		return nil, err
	}
	config, err := bootstrap(n, pod.Address, m.Istiod.Address, m.secrets.address)
	if err != nil {
		return nil, err
	}
	file := m.env.DataPath(name + ".json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, fmt.Errorf("write the bootstrap of %s: %w", name, err)
	}
	p := &Proxy{Pod: pod}
	if err := p.launch(ctx, func() (err error) {
		p.Launched, err = m.env.Launch(ctx, proxyComponent(name, binary, file, o))
		return err
	}); err != nil {
		return nil, err
	}
	m.keepProxy(p)
	return p, nil
}

// findEnvoy returns the path of the pinned version that was asked for, or of the mesh's Envoy.
func (m *Mesh) findEnvoy(ctx context.Context, v envoy.Version) (string, error) {
	if v != "" {
		return envoy.Pinned(ctx, m.env.Builder().Downloads(), v)
	}
	return envoy.Find(ctx, m.env.Builder().Downloads(), m.options.envoy())
}

// proxyComponent runs Envoy with the flags that Istio gives it, but for the number of threads.
func proxyComponent(name, binary, bootstrap string, o ProxyOptions) env.Component {
	page := "/ready"
	if o.NotReady {
		page = "/server_info"
	}
	return env.Component{
		Name: name, Path: binary, Ports: 1, Env: o.Env,
		Args: func(ports []int) []string {
			return []string{
				"--config-path", bootstrap, "--config-yaml", adminBootstrap(ports[0]),
				"--disable-hot-restart", "--concurrency", strconv.Itoa(proxyThreads),
				"--drain-time-s", "45", "--drain-strategy", "immediate", "--local-address-ip-version", "v4",
				"--log-level", "warning", "--component-log-level", "wasm:info",
			}
		},
		Ready: func(ctx context.Context, ports []int) error {
			return env.Probe(ctx, "http://"+env.Address(ports[0])+page)
		},
	}
}

// proxyThreads is how many workers a proxy has, as Istio's default.
const proxyThreads = 2

func splitAddress(address string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(digits)
	return host, port, err
}
