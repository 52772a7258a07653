// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/internal/istio"
)

// sidecarPod is a Pod of the AutoWasm's namespace that its selector matches, whose application and proxy run since
// testTime, changed by the edits.
func sidecarPod(name, ip string, edits ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: testKey.Namespace, Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "details"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}, {Name: istio.ProxyContainer}}},
		Status: corev1.PodStatus{PodIP: ip, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "app", State: runningSince(testTime.Add(time.Minute)), RestartCount: 7},
			{Name: istio.ProxyContainer, State: runningSince(testTime)},
		}},
	}
	for _, edit := range edits {
		edit(pod)
	}
	return pod
}

func runningSince(at time.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at)}}
}

// nativeSidecar moves the proxy to the init containers.
func nativeSidecar(pod *corev1.Pod) {
	always := corev1.ContainerRestartPolicyAlways
	pod.Spec.Containers = pod.Spec.Containers[:1]
	pod.Spec.InitContainers = []corev1.Container{{Name: "istio-validation"}, {Name: istio.ProxyContainer, RestartPolicy: &always}}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "istio-validation"}, pod.Status.ContainerStatuses[1]}
	pod.Status.ContainerStatuses = pod.Status.ContainerStatuses[:1]
}

// gatewayPod leaves the proxy alone in its Pod.
func gatewayPod(pod *corev1.Pod) {
	pod.Spec.Containers = pod.Spec.Containers[1:]
	pod.Status.ContainerStatuses = pod.Status.ContainerStatuses[1:]
}

func gatewayTemplates(templates string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Annotations = map[string]string{istio.AnnotationInjectTemplates: templates}
	}
}

func proxyStatus(edit func(*corev1.ContainerStatus)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { edit(&pod.Status.ContainerStatuses[1]) }
}

func inNamespace(namespace string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Namespace = namespace }
}

func labeled(labels map[string]string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels = labels }
}

func clientOf(t *testing.T, pods ...*corev1.Pod) client.WithWatch {
	t.Helper()
	builder := fake.NewClientBuilder()
	for _, pod := range pods {
		builder.WithObjects(pod)
	}
	return builder.Build()
}

func selecting(edits ...func(*selection)) selection {
	s := selection{autoWasm: testKey, namespace: testKey.Namespace, selector: map[string]string{"app": "details"}}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

func ofGateways(s *selection)   { s.gateway = true }
func ofTheMesh(s *selection)    { s.namespace = "" }
func ofEverything(s *selection) { s.selector = nil }
func ofVersionOne(s *selection) { s.selector = map[string]string{"app": "details", "version": "v1"} }

func podNames(all []proxy) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.pod.String()+" "+p.ip)
	}
	return names
}

func TestSelectedProxies(t *testing.T) {
	terminating := func(pod *corev1.Pod) {
		pod.Finalizers, pod.DeletionTimestamp = []string{"test/keep"}, &metav1.Time{Time: testTime}
	}
	tests := map[string]struct {
		selection selection
		pods      []*corev1.Pod
		want      []string
	}{
		"none": {selecting(), nil, nil},
		"in order": {
			selecting(), []*corev1.Pod{sidecarPod("b", "10.0.0.2"), sidecarPod("a", "10.0.0.9"), sidecarPod("c", "fd00::1")},
			[]string{"shop/a 10.0.0.9", "shop/b 10.0.0.2", "shop/c fd00::1"},
		},
		"a native sidecar":  {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", nativeSidecar)}, []string{"shop/a 10.0.0.1"}},
		"a gateway":         {selecting(ofGateways), []*corev1.Pod{sidecarPod("a", "10.0.0.1", gatewayPod), sidecarPod("b", "10.0.0.2")}, []string{"shop/a 10.0.0.1"}},
		"no sidecar is one": {selecting(ofGateways), []*corev1.Pod{sidecarPod("a", "10.0.0.1"), sidecarPod("b", "10.0.0.1", nativeSidecar)}, nil},
		"no gateway is one": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", gatewayPod)}, nil},
		"a gateway beside other containers": {
			selecting(ofGateways),
			[]*corev1.Pod{sidecarPod("a", "10.0.0.1", gatewayTemplates("gateway")), sidecarPod("b", "10.0.0.2", gatewayTemplates("own,gateway")), sidecarPod("c", "10.0.0.3", gatewayTemplates("sidecar"))},
			[]string{"shop/a 10.0.0.1", "shop/b 10.0.0.2"},
		},
		"other labels":     {selecting(ofVersionOne), []*corev1.Pod{sidecarPod("a", "10.0.0.1"), sidecarPod("b", "10.0.0.2", labeled(map[string]string{"app": "details", "version": "v1", "x": "y"}))}, []string{"shop/b 10.0.0.2"}},
		"no selector":      {selecting(ofEverything), []*corev1.Pod{sidecarPod("a", "10.0.0.1", labeled(nil)), sidecarPod("b", "10.0.0.2", inNamespace("other"))}, []string{"shop/a 10.0.0.1"}},
		"other namespaces": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", inNamespace("other"))}, nil},
		"of the whole mesh": {
			selecting(ofTheMesh), []*corev1.Pod{sidecarPod("a", "10.0.0.1", inNamespace("other")), sidecarPod("b", "10.0.0.2"), sidecarPod("c", "10.0.0.3", labeled(nil))},
			[]string{"other/a 10.0.0.1", "shop/b 10.0.0.2"},
		},
		"without a proxy": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses = pod.Status.ContainerStatuses[:1]
		})}, nil},
		"a proxy that waits": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", proxyStatus(func(s *corev1.ContainerStatus) {
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		}))}, nil},
		"a proxy that has ended": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", proxyStatus(func(s *corev1.ContainerStatus) {
			s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		}))}, nil},
		"a proxy that has ended again": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", proxyStatus(func(s *corev1.ContainerStatus) {
			s.State, s.RestartCount = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}, 1
		}))}, []string{"shop/a 10.0.0.1"}},
		"terminating": {selecting(), []*corev1.Pod{sidecarPod("a", "10.0.0.1", terminating)}, nil},
		"no address":  {selecting(), []*corev1.Pod{sidecarPod("a", "")}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tt.selection.list(t.Context(), clientOf(t, tt.pods...))
			if diff := cmp.Diff(tt.want, podNames(got)); diff != "" || err != nil {
				t.Errorf("error %v, proxies (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestInstances: whatever voids what is known of a proxy is another instance, and what happens to the rest of its Pod
// is not.
func TestInstances(t *testing.T) {
	of := func(edits ...func(*corev1.Pod)) instance {
		t.Helper()
		all, err := selecting().list(t.Context(), clientOf(t, sidecarPod("a", "10.0.0.1", edits...)))
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0].instance
	}
	before := of()
	want := instance{uid: "uid-a", startedAt: testTime}
	if diff := cmp.Diff(want, before, cmp.AllowUnexported(instance{})); diff != "" {
		t.Errorf("instance (-want +got):\n%s", diff)
	}
	tests := map[string]struct {
		edit func(*corev1.Pod)
		same bool
	}{
		"nothing":                  {func(*corev1.Pod) {}, true},
		"a native sidecar":         {nativeSidecar, true},
		"the application restarts": {func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].RestartCount++ }, true},
		"the Pod gets ready":       {func(pod *corev1.Pod) { pod.Status.ContainerStatuses[1].Ready = true }, true},
		"another Pod":              {func(pod *corev1.Pod) { pod.UID = "uid-b" }, false},
		"the proxy restarts":       {proxyStatus(func(s *corev1.ContainerStatus) { s.RestartCount++ }), false},
		"the proxy starts later": {proxyStatus(func(s *corev1.ContainerStatus) {
			s.State = runningSince(testTime.Add(time.Second))
		}), false},
	}
	for name, tt := range tests {
		if after := of(tt.edit); (after == before) != tt.same {
			t.Errorf("%s: %+v before, %+v after", name, before, after)
		}
	}
}

func TestSelectedProxiesWithoutACache(t *testing.T) {
	broken := interceptor.NewClient(clientOf(t), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("not synced")
		},
	})
	got, err := selecting().list(t.Context(), broken)
	if got != nil || err == nil || !strings.Contains(err.Error(), "list the Pods that AutoWasm shop/test selects: not synced") {
		t.Errorf("%v, %v", got, err)
	}
}
