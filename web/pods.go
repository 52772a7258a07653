// SPDX-License-Identifier: Apache-2.0

package web

import (
	"hash/maphash"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/internal/status"
)

var seed = maphash.MakeSeed()

// podsOf are the Pods of one namespace, or all of them.
type podsOf struct {
	all []*corev1.Pod
	// sum differs when a Pod does, in whatever order they come.
	sum uint64
	// byLabel has them by "key=value" of each label, once it is needed.
	byLabel map[string][]*corev1.Pod
}

func (p *podsOf) add(pod *corev1.Pod) {
	p.all = append(p.all, pod)
	p.sum += maphash.Comparable(seed, version{pod.UID, pod.ResourceVersion})
}

// version is that of an object.
type version struct {
	uid             types.UID
	resourceVersion string
}

// byNamespace returns the Pods of each namespace, and under "" all of them.
func byNamespace(items []corev1.Pod) map[string]*podsOf {
	found := map[string]*podsOf{"": {}}
	for i := range items {
		pod := &items[i]
		if found[pod.Namespace] == nil {
			found[pod.Namespace] = &podsOf{}
		}
		found[""].add(pod)
		found[pod.Namespace].add(pod)
	}
	return found
}

// selected returns those with all of the labels.
func (p *podsOf) selected(wanted map[string]string) []status.Pod {
	if p == nil {
		return nil
	}
	selector := labels.SelectorFromSet(wanted)
	var found []status.Pod
	for _, pod := range p.candidates(wanted) {
		if selector.Matches(labels.Set(pod.Labels)) {
			found = append(found, podOf(pod))
		}
	}
	return found
}

// candidates are those with the label that the fewest have.
func (p *podsOf) candidates(wanted map[string]string) []*corev1.Pod {
	fewest := p.all
	for key, value := range wanted {
		if p.byLabel == nil {
			p.index()
		}
		if with := p.byLabel[key+"="+value]; len(with) < len(fewest) {
			fewest = with
		}
	}
	return fewest
}

func (p *podsOf) index() {
	p.byLabel = map[string][]*corev1.Pod{}
	for _, pod := range p.all {
		for key, value := range pod.Labels {
			p.byLabel[key+"="+value] = append(p.byLabel[key+"="+value], pod)
		}
	}
}

// podOf is a Pod of the cache as package status reads it.
func podOf(pod *corev1.Pod) status.Pod {
	return status.Pod{
		ObjectMeta: pod.ObjectMeta,
		Spec:       status.PodSpec{Containers: containersOf(pod.Spec.Containers), InitContainers: containersOf(pod.Spec.InitContainers)},
		Status: status.PodStatus{
			Phase: string(pod.Status.Phase), PodIP: pod.Status.PodIP,
			ContainerStatuses: statusesOf(pod.Status.ContainerStatuses), InitContainerStatuses: statusesOf(pod.Status.InitContainerStatuses),
		},
	}
}

func containersOf(containers []corev1.Container) (out []status.Container) {
	for i := range containers {
		out = append(out, status.Container{Name: containers[i].Name})
	}
	return out
}

func statusesOf(statuses []corev1.ContainerStatus) (out []status.ContainerStatus) {
	for i := range statuses {
		s := status.ContainerStatus{Name: statuses[i].Name}
		if running := statuses[i].State.Running; running != nil {
			s.State.Running = &status.RunningState{StartedAt: running.StartedAt}
		}
		out = append(out, s)
	}
	return out
}
