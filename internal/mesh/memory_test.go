// SPDX-License-Identifier: Apache-2.0

package mesh_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	toolscache "k8s.io/client-go/tools/cache"
)

// replicas is how many Pods of a test have the same template.
const replicas = 10

// injectedPod is the n-th Pod as an API server sends it: of an app with ten replicas, with a sidecar that Istio has
// injected. Nothing of it is shared with another one.
func injectedPod(t testing.TB, n int) *corev1.Pod {
	t.Helper()
	app, namespace := fmt.Sprintf("app-%d", n/replicas), fmt.Sprintf("team-%d", n/200)
	container := func(name string, ports ...int32) corev1.Container {
		probe := func(path string) *corev1.Probe {
			return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(15020)}}, PeriodSeconds: 10}
		}
		c := corev1.Container{
			Name: name, Image: "registry.example/" + name + ":1.31.1", Args: strings.Fields("proxy sidecar --domain $(POD_NAMESPACE).svc.cluster.local --log_output_level=default:info"),
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("1Gi")},
			},
			ReadinessProbe: probe("/ready"), LivenessProbe: probe("/live"), StartupProbe: probe("/start"),
			TerminationMessagePath: "/dev/termination-log", ImagePullPolicy: corev1.PullIfNotPresent,
		}
		for _, port := range ports {
			c.Ports = append(c.Ports, corev1.ContainerPort{Name: fmt.Sprint("http-", port), ContainerPort: port, Protocol: corev1.ProtocolTCP})
		}
		for i := range 25 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("ISTIO_META_VARIABLE_%d", i), Value: fmt.Sprintf("a value of some length, %s", app)})
			if i < 7 {
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: fmt.Sprint("volume-", i), MountPath: fmt.Sprint("/var/run/secrets/", i), ReadOnly: true})
			}
		}
		return c
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-7d9f8b6c5d-%05d", app, n), GenerateName: app + "-7d9f8b6c5d-", Namespace: namespace,
			UID: "0f8fad5b-d9cb-469f-a165-70867728950e", ResourceVersion: fmt.Sprint(100_000_000 + n), CreationTimestamp: startedAt,
			Labels: map[string]string{
				"app": app, "version": "v1", "pod-template-hash": "7d9f8b6c5d", "app.kubernetes.io/name": app, "app.kubernetes.io/part-of": namespace,
				"security.istio.io/tlsMode": "istio", "service.istio.io/canonical-name": app, "service.istio.io/canonical-revision": "v1",
			},
			Annotations: map[string]string{
				"sidecar.istio.io/status": `{"initContainers":["istio-init"],"containers":["istio-proxy"],"volumes":["workload-socket","credential-socket","workload-certs","istio-envoy",` +
					`"istio-data","istio-podinfo","istio-token","istiod-ca-cert"],"imagePullSecrets":null,"revision":"default"}`,
				"istio.io/rev": "default", "kubectl.kubernetes.io/default-container": "app", "prometheus.io/scrape": "true", "prometheus.io/port": "15020",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app + "-7d9f8b6c5d", UID: "0f8fad5b-d9cb-469f-a165-70867728950e"}},
			ManagedFields: []metav1.ManagedFieldsEntry{
				{Manager: "kube-controller-manager", FieldsV1: metav1.NewFieldsV1(strings.Repeat(`"f:metadata":{},`, 300))},
				{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(strings.Repeat(`"f:status":{},`, 150))},
			},
		},
		Spec: corev1.PodSpec{
			Containers:     []corev1.Container{container("app", 8080, 9090), container("istio-proxy", 15090)},
			InitContainers: []corev1.Container{container("istio-init")},
			NodeName:       "node-17", ServiceAccountName: app,
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255), HostIP: "192.168.17.17",
			ContainerStatuses:     []corev1.ContainerStatus{running("app"), running("istio-proxy")},
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "istio-init", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}}},
		},
	}
	for i := range 8 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: fmt.Sprint("volume-", i), VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: startedAt})
	}
	wire, err := pod.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	received := new(corev1.Pod)
	if err := received.Unmarshal(wire); err != nil {
		t.Fatal(err)
	}
	return received
}

// heap is how much of the heap is in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // and what finalizers kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryOfPods: 20,000 Pods take a small part of wasmer's memory. They are fewer here, which take as much each.
func TestMemoryOfPods(t *testing.T) {
	const pods = 1_000
	before := heap()
	cached := toolscache.NewIndexer(toolscache.DeletionHandlingMetaNamespaceKeyFunc, toolscache.Indexers{
		toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc,
	})
	for n := range pods {
		if err := cached.Add(trimmed(t, injectedPod(t, n))); err != nil {
			t.Fatal(err)
		}
	}
	each := (int64(heap()) - int64(before)) / pods
	t.Logf("a Pod of %d bytes on the wire takes %d bytes", injectedPod(t, 0).Size(), each)
	if each > 2_300 {
		t.Errorf("a Pod takes %d bytes", each)
	}
	runtime.KeepAlive(cached)
}
