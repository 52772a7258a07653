// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// Objects are what the cluster has of one AutoWasm.
type Objects struct {
	AutoWasm *v1alpha1.AutoWasm
	// EnvoyFilter is that of the AutoWasm's name, with its managedFields, nil when there is none.
	EnvoyFilter *unstructured.Unstructured
	// NoEnvoyFilter says why EnvoyFilters could not be read, "" when they were.
	NoEnvoyFilter string
	// Pods are those that the selector matches.
	Pods []Pod
	// NoPods says why Pods could not be read, "" when they were.
	NoPods string
	// RootNamespace is Istio's, "" where it is not known, and an annotation of the AutoWasm says whether it is in it.
	RootNamespace string
}

// meshWide reports whether the AutoWasm is for the Pods of all namespaces.
func (o Objects) meshWide() bool {
	if o.RootNamespace == "" {
		return IsMeshWide(o.AutoWasm)
	}
	return o.AutoWasm.Namespace == o.RootNamespace
}

// Pod is a Pod as far as it matters here. Kubernetes' own type is larger than all of this client of it.
type Pod struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              PodSpec   `json:"spec"`
	Status            PodStatus `json:"status"`
}

// PodSpec holds the containers of a Pod.
type PodSpec struct {
	Containers     []Container `json:"containers"`
	InitContainers []Container `json:"initContainers"`
}

// Container is one of them.
type Container struct {
	Name string `json:"name"`
}

// PodStatus holds what has become of the containers.
type PodStatus struct {
	Phase                 string            `json:"phase"`
	PodIP                 string            `json:"podIP"`
	ContainerStatuses     []ContainerStatus `json:"containerStatuses"`
	InitContainerStatuses []ContainerStatus `json:"initContainerStatuses"`
}

// ContainerStatus is what has become of one container.
type ContainerStatus struct {
	Name  string         `json:"name"`
	State ContainerState `json:"state"`
}

// ContainerState has Running set while the container runs.
type ContainerState struct {
	Running *RunningState `json:"running"`
}

// RunningState says since when.
type RunningState struct {
	StartedAt metav1.Time `json:"startedAt"`
}

// runs reports whether the Pod is one that will go on running.
func (p *Pod) runs() bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != "Succeeded" && p.Status.Phase != "Failed"
}

// hasProxy reports whether a proxy of Istio's is in the Pod, on the side that the filter is for.
func (p *Pod) hasProxy(gateway bool) bool {
	isProxy := func(c Container) bool { return c.Name == istio.ProxyContainer }
	found := slices.ContainsFunc(p.Spec.Containers, isProxy) || slices.ContainsFunc(p.Spec.InitContainers, isProxy)
	found = found || p.Annotations[istio.AnnotationSidecarStatus] != ""
	return found && p.isGateway() == gateway
}

func (p *Pod) isGateway() bool {
	alone := len(p.Spec.Containers) == 1 && p.Spec.Containers[0].Name == istio.ProxyContainer
	return alone || slices.Contains(strings.Split(p.Annotations[istio.AnnotationInjectTemplates], ","), "gateway")
}

// startedAt is when the proxy was started, nil while it does not run.
func (p *Pod) startedAt() *metav1.Time {
	for _, statuses := range [][]ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range statuses {
			if running := statuses[i].State.Running; statuses[i].Name == istio.ProxyContainer && running != nil {
				return &running.StartedAt
			}
		}
	}
	return nil
}
