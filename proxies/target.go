// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/mesh"
	"github.com/autowasm/autowasm/render"
)

// target is what the proxies of one AutoWasm should run.
type target struct {
	targetID
	selection
	module string // sha256
	// reloads is how often the proxies were made to load the module again.
	reloads uint32
	// since is when the EnvoyFilter was written, if a former process has evaluated it; else zero: it counts from now.
	since time.Time
	// written is when the EnvoyFilter was written, zero when that is not known.
	written time.Time
	// restarted says that, by the status, proxies restarted soon after that.
	restarted bool
	// ranSince is since when, by the status, all proxies run it; zero when they do not.
	ranSince time.Time
}

// targetID tells targets apart: any change of an AutoWasm or its EnvoyFilter makes another one, not observed yet.
type targetID struct {
	key                   types.NamespacedName
	uid                   types.UID
	generation            int64
	envoyFilterUID        types.UID
	envoyFilterGeneration int64
	plugin                render.Plugin // as shown
}

func idOf(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) targetID {
	return targetID{
		key: client.ObjectKeyFromObject(aw), uid: aw.UID, generation: aw.Generation,
		envoyFilterUID: ef.GetUID(), envoyFilterGeneration: ef.GetGeneration(), plugin: shown(render.PluginOf(ef)),
	}
}

// targetOf returns what ef makes the proxies of aw run; nil while that is not what aw asks for.
func targetOf(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured, rootNamespace string) *target {
	if !inForce(aw, ef) {
		return nil
	}
	t := &target{
		targetID:  idOf(aw, ef),
		selection: selectionOf(aw, rootNamespace),
		module:    aw.Status.Module.SHA256,
		reloads:   render.ReloadOf(ef),
		written:   writtenAt(ef),
	}
	if loaded := evaluatedBefore(aw); loaded != nil {
		t.since, t.ranSince = t.written, ranSince(aw.Status.Proxies, loaded)
		t.restarted = aw.Status.Proxies != nil && aw.Status.Proxies.Restarted > 0
	}
	return t
}

// inForce reports whether ef is aw's own and, by the status, as rendered for the present generation.
func inForce(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) bool {
	if ef == nil || !render.IsOurs(ef, aw) || !metav1.IsControlledBy(ef, aw) || !ef.GetDeletionTimestamp().IsZero() {
		return false
	}
	applied := aw.Status.EnvoyFilter
	return aw.IsConditionTrue(v1alpha1.ConditionEnvoyFilterApplied) &&
		applied != nil && applied.Generation == ef.GetGeneration() && aw.Status.Module != nil
}

// evaluatedBefore returns the condition ProxiesLoaded if it is the result of a scrape: no proxy is new to the
// EnvoyFilter because this process is new. A status that waits for the first scrape has no counts.
func evaluatedBefore(aw *v1alpha1.AutoWasm) *metav1.Condition {
	loaded := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionProxiesLoaded)
	if loaded == nil || (aw.Status.Proxies == nil && loaded.Reason == string(v1alpha1.ReasonProxiesLoading)) {
		return nil
	}
	return loaded
}

// ranSince is since when all proxies run the filter, zero when they do not. Proxies that have started since may not.
func ranSince(counts *v1alpha1.ProxiesStatus, loaded *metav1.Condition) time.Time {
	if counts == nil || counts.Running != counts.Selected || loaded.Status != metav1.ConditionTrue {
		return time.Time{}
	}
	return loaded.LastTransitionTime.Time
}

// writtenAt is when ef was last written by us, by the API server's clock; zero when it does not say.
func writtenAt(ef *unstructured.Unstructured) time.Time {
	var last time.Time
	for _, entry := range ef.GetManagedFields() {
		if entry.Manager == render.FieldManager && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// selection says which proxies an AutoWasm selects.
type selection struct {
	autoWasm types.NamespacedName
	// namespace whose Pods are selected, "" for all.
	namespace string
	selector  map[string]string
	gateway   bool
}

// selectionOf returns the selection of aw. Istio applies what is in its root namespace to the whole mesh.
func selectionOf(aw *v1alpha1.AutoWasm, rootNamespace string) selection {
	s := selection{
		autoWasm:  client.ObjectKeyFromObject(aw),
		namespace: aw.Namespace,
		selector:  aw.Spec.Selector.Labels(),
		gateway:   aw.Spec.Filter.Context == v1alpha1.Gateway,
	}
	if aw.Namespace == rootNamespace {
		s.namespace = ""
	}
	return s
}

// proxy is one that is selected, as its Pod shows it.
type proxy struct {
	pod types.NamespacedName
	ip  string
	// ready is whether its container is: Envoy is once it has its first configuration.
	ready bool
	// end is how it ended last.
	end corev1.ContainerStateTerminated
	// down is true of one that does not run: it has ended, and may be started again.
	down bool
	instance
}

// instance is one run of a proxy. What is known of a proxy is void once it restarts.
type instance struct {
	uid       types.UID // of the Pod
	restarts  int32
	startedAt time.Time
}

// list returns the proxies that the cache has, on the side that the filter is for, sorted: those that run, and those that
// ran before and were started again.
func (s selection) list(ctx context.Context, reader client.Reader) ([]proxy, error) {
	var pods corev1.PodList
	err := reader.List(ctx, &pods, client.InNamespace(s.namespace), client.MatchingLabels(s.selector), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list the Pods that AutoWasm %s selects: %w", s.autoWasm, err)
	}
	var found []proxy
	for i := range pods.Items {
		pod := &pods.Items[i]
		if status := cmp.Or(mesh.RunningProxy(pod), mesh.EndedProxy(pod)); status != nil && mesh.IsGateway(pod) == s.gateway {
			found = append(found, proxyOf(pod, status))
		}
	}
	slices.SortFunc(found, func(a, b proxy) int { return strings.Compare(a.pod.String(), b.pod.String()) })
	return found, nil
}

func proxyOf(pod *corev1.Pod, status *corev1.ContainerStatus) proxy {
	p := proxy{
		pod: client.ObjectKeyFromObject(pod), ip: pod.Status.PodIP, ready: status.Ready,
		instance: instance{uid: pod.UID, restarts: status.RestartCount},
	}
	if p.down = status.State.Running == nil; !p.down {
		p.startedAt = status.State.Running.StartedAt.Time
	}
	if end := mesh.LastEnd(status); end != nil {
		p.end = *end
	}
	return p
}
