// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// A Pod is where a proxy runs, as the API server knows it. Nothing runs it: its proxy, and its application, if it has
// one, are processes of this machine, whose state the mesh writes into its status.
type Pod struct {
	types.NamespacedName
	Address string // its IP

	pods  typedcorev1.PodInterface
	logf  func(format string, args ...any)
	state podState // what was written last
}

// createPod applies a manifest with a Pod and writes into it where it is, before anything runs there.
func (m *Mesh) createPod(ctx context.Context, name types.NamespacedName, address, manifest string, values object) (*Pod, error) {
	client, err := kubernetes.NewForConfig(m.env.RESTConfig)
	if err != nil {
		return nil, fmt.Errorf("make a client of Pods: %w", err)
	}
	maps.Copy(values, object{
		"Pod": name.Name, "Namespace": name.Namespace, "Address": address, "StatsPort": statsPort,
	})
	if err := apply(ctx, m.env, manifest, values); err != nil {
		return nil, err
	}
	p := &Pod{NamespacedName: name, Address: address, pods: client.CoreV1().Pods(name.Namespace), logf: m.env.Logf}
	m.keepPod(p)
	object, err := p.pods.Get(ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read Pod %s: %w", name, err)
	}
	return p, p.write(ctx, podState{since: metav1.Now(), app: len(object.Spec.Containers) > 1})
}

// StatsURL is where its proxy tells its statistics.
func (p *Pod) StatsURL() string { return "http://" + at(p.Address, statsPort) + "/stats/prometheus" }

// write writes a state into the Pod's status. A Pod that somebody deleted is left alone.
func (p *Pod) write(ctx context.Context, s podState) error {
	patch, err := json.Marshal(map[string]corev1.PodStatus{"status": s.status(p.Address)})
	if err != nil {
		return fmt.Errorf("encode the status of Pod %s: %w", p, err)
	}
	_, err = p.pods.Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the status of Pod %s: %w", p, err)
	}
	p.state = s
	return nil
}

// proxyStarts tells that a container of the proxy starts now, the first one or another.
func (p *Pod) proxyStarts(ctx context.Context) error {
	return p.write(ctx, p.state.restarted(metav1.Now()))
}

// proxyIs tells whether the proxy runs and is ready, if that is news.
func (p *Pod) proxyIs(ctx context.Context, running, ready bool) error {
	s := p.state
	if s.running == running && s.ready == ready {
		return nil
	}
	s.running, s.ready = running, ready
	s.changed = metav1.Now()
	return p.write(ctx, s)
}

// remove deletes the Pod at once. There is no node that would have to agree.
func (p *Pod) remove(ctx context.Context) error {
	err := p.pods.Delete(ctx, p.Name, *metav1.NewDeleteOptions(0))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Pod %s: %w", p, err)
	}
	return nil
}
