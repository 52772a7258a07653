// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/e2e/ads"
)

// A Workload is an application with an address of its own and the objects by which Istio knows it.
type Workload struct {
	Name    string // the value of its label app
	Address string // on which its sidecar has its ports
	App     *App
	Pod     *Pod // pending until its sidecar is started
}

// Host is its name in the mesh.
func (w *Workload) Host() string { return fmt.Sprintf("%s.%s.svc.cluster.local", w.Name, namespace) }

// Labels are those by which an AutoWasm selects it.
func (w *Workload) Labels() map[string]string { return map[string]string{"app": w.Name} }

// Node is how its sidecar names itself.
func (w *Workload) Node() ads.Node {
	return ads.Sidecar(w.Pod.Name, w.Pod.Namespace, w.Address, w.Labels())
}

// URL is where its sidecar listens for requests to one of its ports.
func (w *Workload) URL(port int) string { return "http://" + at(w.Address, port) }

// OutboundURL is where its sidecar listens for requests to wasmer.
func (w *Workload) OutboundURL() string { return w.URL(servicePort) }

// InboundListener is the name of the listener that istiod makes for one of its ports.
func (w *Workload) InboundListener(port int) string { return listenerName(w.Address, port) }

// StartWorkload starts an application beside the details workload and makes it known to Istio under a name, which is
// the value of its label app. It has no sidecar yet. It runs until the mesh's Stop.
func (m *Mesh) StartWorkload(ctx context.Context, name string) (*Workload, error) {
	w, err := m.startWorkload(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("start the workload %s: %w", name, err)
	}
	return w, nil
}

func (m *Mesh) startWorkload(ctx context.Context, name string) (*Workload, error) {
	address, err := m.address(InboundPort, OtherPort, servicePort, statsPort)
	if err != nil {
		return nil, err
	}
	app, err := startApp(name)
	if err != nil {
		return nil, err
	}
	w := &Workload{Name: name, Address: address, App: app}
	m.keepWorkload(w)
	pod := types.NamespacedName{Namespace: namespace, Name: name + "-1"}
	w.Pod, err = m.createPod(ctx, pod, address, "sidecar.yaml", object{
		"App": name, "Host": w.Host(),
		"Ports": []int{InboundPort, OtherPort}, "OutboundPort": servicePort, "Application": app.Address,
	})
	if err != nil {
		return nil, err
	}
	return w, m.waitForListener(ctx, w.Node(), w.InboundListener(InboundPort))
}

// listenerName is how istiod names a listener.
func listenerName(address string, port int) string { return fmt.Sprintf("%s_%d", address, port) }
