// SPDX-License-Identifier: Apache-2.0

package mesh_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/autowasm/autowasm/internal/mesh"
)

var startedAt = metav1.NewTime(time.Unix(1_700_000_000, 0))

func running(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, RestartCount: 3, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: startedAt}}}
}

// podOf is a running Pod with containers and init containers of those names, all of which run.
func podOf(containers, inits []string, edits ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details-1"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"},
	}
	for _, name := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, running(name))
	}
	for _, name := range inits {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: name})
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, running(name))
	}
	for _, edit := range edits {
		edit(pod)
	}
	return pod
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value) }
}

// predicates is what is asked of a Pod.
type predicates struct{ HasProxy, IsGateway, InAmbient, Running, Ended, Ends bool }

func ask(pod *corev1.Pod) predicates {
	return predicates{
		mesh.HasProxy(pod), mesh.IsGateway(pod), mesh.InAmbient(pod), mesh.RunningProxy(pod) != nil, mesh.EndedProxy(pod) != nil, mesh.Ends(pod),
	}
}

// TestPredicates: also those of a trimmed Pod, which is what they are asked of.
func TestPredicates(t *testing.T) {
	app, proxy, both := []string{"app"}, []string{"istio-proxy"}, []string{"app", "istio-proxy"}
	waiting := func(pod *corev1.Pod) {
		for i := range pod.Status.ContainerStatuses {
			pod.Status.ContainerStatuses[i].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		}
	}
	phase := func(p corev1.PodPhase) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Status.Phase = p }
	}
	tests := map[string]struct {
		pod  *corev1.Pod
		want predicates
	}{
		"no proxy":                {podOf(app, nil), predicates{}},
		"a sidecar":               {podOf(both, nil), predicates{HasProxy: true, Running: true}},
		"a native sidecar":        {podOf(app, []string{"istio-validation", "istio-proxy"}), predicates{HasProxy: true, Running: true}},
		"an init container":       {podOf(app, []string{"istio-init"}), predicates{}},
		"a gateway":               {podOf(proxy, nil), predicates{HasProxy: true, IsGateway: true, Running: true}},
		"a gateway and more":      {podOf(both, nil, annotated("inject.istio.io/templates", "own,gateway")), predicates{HasProxy: true, IsGateway: true, Running: true}},
		"a sidecar by template":   {podOf(both, nil, annotated("inject.istio.io/templates", "sidecar")), predicates{HasProxy: true, Running: true}},
		"of another name":         {podOf(app, nil, annotated("sidecar.istio.io/status", "{}")), predicates{HasProxy: true}},
		"in the ambient mesh":     {podOf(app, nil, annotated("ambient.istio.io/redirection", "enabled")), predicates{InAmbient: true}},
		"out of the ambient mesh": {podOf(app, nil, annotated("ambient.istio.io/redirection", "disabled")), predicates{}},
		"a proxy that waits":      {podOf(both, nil, waiting), predicates{HasProxy: true, Ended: true}},
		"one that never ran": {podOf(both, nil, waiting, func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses[1].RestartCount = 0
		}), predicates{HasProxy: true}},
		"one that waits in a Pod that failed": {podOf(both, nil, waiting, phase(corev1.PodFailed)), predicates{HasProxy: true, Ends: true}},
		"without an address":                  {podOf(both, nil, func(pod *corev1.Pod) { pod.Status.PodIP = "" }), predicates{HasProxy: true}},
		"terminating":                         {podOf(both, nil, func(pod *corev1.Pod) { pod.DeletionTimestamp = &startedAt }), predicates{HasProxy: true, Ends: true}},
		"finished":                            {podOf(app, nil, phase(corev1.PodSucceeded)), predicates{Ends: true}},
		"failed":                              {podOf(app, nil, phase(corev1.PodFailed)), predicates{Ends: true}},
		"pending":                             {podOf(app, nil, phase(corev1.PodPending)), predicates{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ask(tt.pod)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, ask(trimmed(t, tt.pod).(*corev1.Pod))); diff != "" {
				t.Errorf("trimmed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunningProxyIsThatOfTheProxy(t *testing.T) {
	pod := podOf([]string{"app"}, []string{"istio-proxy"})
	pod.Status.InitContainerStatuses[0].RestartCount = 7
	want := running("istio-proxy")
	want.RestartCount = 7
	if diff := cmp.Diff(&want, mesh.RunningProxy(pod)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLastEnd(t *testing.T) {
	before, now := &corev1.ContainerStateTerminated{ExitCode: 1}, &corev1.ContainerStateTerminated{ExitCode: 2}
	s := running("istio-proxy")
	if got := mesh.LastEnd(&s); got != nil {
		t.Errorf("of one that never ended: %+v", got)
	}
	s.LastTerminationState.Terminated = before
	if got := mesh.LastEnd(&s); got != before {
		t.Errorf("of one that runs again: %+v", got)
	}
	s.State = corev1.ContainerState{Terminated: now}
	if got := mesh.LastEnd(&s); got != now {
		t.Errorf("of one that has just ended: %+v", got)
	}
}

// fullPod is what an API server sends, and want what is kept of it.
func fullPod() (full, want *corev1.Pod) {
	always, ports := corev1.ContainerRestartPolicyAlways, []corev1.ContainerPort{{Name: "http", ContainerPort: 9080}, {ContainerPort: 9090}}
	want = &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "details-1", UID: "uid", ResourceVersion: "7", DeletionTimestamp: &startedAt,
			Labels:      map[string]string{"app": "details"},
			Annotations: map[string]string{"inject.istio.io/templates": "a", "ambient.istio.io/redirection": "c"},
		},
		Spec: corev1.PodSpec{
			Containers:     []corev1.Container{{Name: "app", Ports: ports}},
			InitContainers: []corev1.Container{{Name: "istio-proxy", Image: "istio/proxyv2:1.31.0"}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1",
			InitContainerStatuses: []corev1.ContainerStatus{running("istio-proxy")},
		},
	}
	want.Status.InitContainerStatuses[0].Ready = true
	end := &corev1.ContainerStateTerminated{ExitCode: 139, Reason: "Error", FinishedAt: startedAt}
	want.Status.InitContainerStatuses[0].LastTerminationState.Terminated = end
	full = want.DeepCopy()
	full.Spec.Containers = []corev1.Container{{Name: "app", Ports: ports[:1:2]}, {Name: "other", Ports: ports[1:]}, {Name: "third"}}
	full.Spec.InitContainers[0].Ports = ports
	full.Annotations["sidecar.istio.io/status"] = `{"containers":["istio-proxy"]}`
	full.CreationTimestamp = startedAt
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	full.OwnerReferences = []metav1.OwnerReference{{Name: "owner"}}
	full.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
	full.Annotations["prometheus.io/port"] = "15020"
	full.Spec.NodeName, full.Spec.Volumes = "node", []corev1.Volume{{Name: "v"}}
	full.Spec.Containers[0].Env, full.Spec.Containers[0].Image = []corev1.EnvVar{{Name: "SECRET", Value: "s"}}, "image"
	full.Spec.InitContainers[0].RestartPolicy = &always
	full.Status.HostIP, full.Status.StartTime, full.Status.PodIPs = "10.1.0.1", &startedAt, []corev1.PodIP{{IP: "10.0.0.1"}}
	full.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	full.Status.ContainerStatuses = []corev1.ContainerStatus{running("app")}
	full.Status.InitContainerStatuses[0].ImageID = "id"
	full.Status.InitContainerStatuses[0].LastTerminationState.Terminated.Message, full.Status.InitContainerStatuses[0].LastTerminationState.Terminated.ContainerID = "long", "id"
	full.Status.InitContainerStatuses[0].LastTerminationState.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
	return full, want
}

func TestProxyImage(t *testing.T) {
	full, _ := fullPod()
	if got := mesh.ProxyImage(full); got != "istio/proxyv2:1.31.0" || mesh.ProxyImage(podOf([]string{"app"}, nil)) != "" {
		t.Errorf("the image is %q", got)
	}
	full.Spec.Containers, full.Spec.InitContainers = full.Spec.InitContainers, nil
	if got := mesh.ProxyImage(full); got != "istio/proxyv2:1.31.0" {
		t.Errorf("the image of a container is %q", got)
	}
}

func TestTrimPod(t *testing.T) {
	full, want := fullPod()
	once := trimmed(t, full)
	if diff := cmp.Diff(any(want), once); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(once, trimmed(t, once)); diff != "" {
		t.Errorf("trimmed twice:\n%s", diff)
	}
	if again, _ := fullPod(); !cmp.Equal(full, again) {
		t.Errorf("the Pod itself (-want +got):\n%s", cmp.Diff(again, full))
	}
	tombstone := toolscache.DeletedFinalStateUnknown{Key: "shop/details"}
	if diff := cmp.Diff(any(tombstone), trimmed(t, tombstone)); diff != "" {
		t.Errorf("a tombstone:\n%s", diff)
	}
}

// TestPodsOfATemplateShare: what is the same is there once, and what is not stays its own.
func TestPodsOfATemplateShare(t *testing.T) {
	pod := func(edit func(*corev1.Pod)) *corev1.Pod {
		full, _ := fullPod()
		edit(full)
		return trimmed(t, full).(*corev1.Pod)
	}
	first := pod(func(*corev1.Pod) {})
	shares := func(other *corev1.Pod) (labels, containers bool) {
		return reflect.ValueOf(first.Labels).Pointer() == reflect.ValueOf(other.Labels).Pointer(), &first.Spec.Containers[0] == &other.Spec.Containers[0]
	}
	tests := map[string]struct {
		edit               func(*corev1.Pod)
		labels, containers bool
	}{
		"another name":        {func(p *corev1.Pod) { p.Name = "details-2" }, true, true},
		"another label":       {func(p *corev1.Pod) { p.Labels["app"] = "details2" }, false, true},
		"one more label":      {func(p *corev1.Pod) { p.Labels["a"] = "" }, false, true},
		"of the same letters": {func(p *corev1.Pod) { p.Labels = map[string]string{"ap": "pdetails"} }, false, true},
		"another port":        {func(p *corev1.Pod) { p.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 9091}} }, true, false},
		"a port of a name": {func(p *corev1.Pod) {
			p.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 9090, Name: "http"}}
		}, true, false},
		"a port by UDP": {func(p *corev1.Pod) {
			p.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 9090, Protocol: "UDP"}}
		}, true, false},
		"another container": {func(p *corev1.Pod) { p.Spec.Containers[0].Name = "app2" }, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			other := pod(tt.edit)
			if labels, containers := shares(other); labels != tt.labels || containers != tt.containers {
				t.Errorf("shares labels %t, containers %t: %+v", labels, containers, other)
			}
		})
	}
}

// TestFewTemplatesAreRemembered: Pods whose labels are all different leave nothing behind, and are as they are.
func TestFewTemplatesAreRemembered(t *testing.T) {
	before := heap()
	for i := range 50_000 {
		pod := podOf([]string{"app"}, nil, func(p *corev1.Pod) { p.Labels = map[string]string{"index": fmt.Sprint(i)} })
		if got := trimmed(t, pod).(*corev1.Pod).Labels["index"]; got != fmt.Sprint(i) {
			t.Fatalf("Pod %d has label %s", i, got)
		}
	}
	if used := int64(heap()) - int64(before); used > 8<<20 {
		t.Errorf("%d bytes are in use", used)
	}
}

func trimmed(t *testing.T, object any) any {
	t.Helper()
	got, err := mesh.TrimPod(object)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
