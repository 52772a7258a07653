// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
)

// A Service is a name in istio-system for a server on this machine.
type Service struct {
	BaseURL string // by which a proxy asks for it
	Cluster string // of a proxy that leads to it
}

// servicePort is the port that services have in the mesh: the one at which sidecars let requests out.
const servicePort = 8081

// service is what a name stands for.
func service(name string) Service {
	host := serviceHost(name)
	return Service{
		BaseURL: fmt.Sprintf("http://%s:%d", host, servicePort),
		Cluster: fmt.Sprintf("outbound|%d||%s", servicePort, host),
	}
}

func serviceHost(name string) string { return name + ".istio-system.svc.cluster.local" }

// The name of wasmer's Service, and the cluster through which proxies reach it.
const wasmerName = "wasmer"

var WasmerCluster = service(wasmerName).Cluster

// WasmerFlags are those that wasmer needs in an environment with a mesh: the modules' URLs are those of a cluster, and
// istiod, whose Service has no endpoints here, is queried at its address.
func WasmerFlags() []string {
	return []string{"--base-url=" + service(wasmerName).BaseURL, "--istiod-address=" + secureAddress()}
}

// Announce gives a server at a port of this machine a name in the mesh.
func (m *Mesh) Announce(ctx context.Context, name string, port int) (Service, error) {
	return service(name), apply(ctx, m.env, "service.yaml", object{
		"Name": name, "Host": serviceHost(name), "Port": servicePort, "TargetPort": port,
	})
}

// announceWasmer makes wasmer known to the mesh by the name that it has in a cluster.
func (m *Mesh) announceWasmer(ctx context.Context) error {
	u, err := url.Parse(m.env.WasmerURL)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return fmt.Errorf("find wasmer's module server, which must run before the mesh: %w", err)
	}
	_, err = m.Announce(ctx, wasmerName, port)
	return err
}
