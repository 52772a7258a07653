// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

const digits = "750d63889653e7117fcbc0831f10f0e1d3f7ec0c82fe5787b71d08a783e3393f"

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// filter returns an AutoWasm that is Ready, with two of two proxies.
func filter() *v1alpha1.AutoWasm {
	fetched := ago(3 * time.Hour)
	return &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "test", Generation: 2, UID: "u"},
		Spec: v1alpha1.AutoWasmSpec{
			Selector: v1alpha1.WorkloadSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "details"}},
			Filter: v1alpha1.Filter{
				ApplyPorts: []v1alpha1.Port{9080, 9081},
				Source:     v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: "reg.example/team/filter:v1"}},
			},
		},
		Status: v1alpha1.AutoWasmStatus{
			ObservedGeneration: 2, Phase: v1alpha1.PhaseSynced,
			Module: &v1alpha1.ModuleStatus{
				SHA256: digits, Size: 1234, ABI: "0.2.1", Reference: "reg.example/team/filter@sha256:" + digits, FetchedAt: &fetched,
			},
			EnvoyFilter: &v1alpha1.EnvoyFilterStatus{Name: "test", Generation: 1},
			Proxies:     &v1alpha1.ProxiesStatus{Selected: 2, Running: 2, Requested: 2},
			Conditions: []metav1.Condition{
				condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonSynced, "all is well", 2*time.Hour),
				condition(v1alpha1.ConditionProxiesLoaded, "True", v1alpha1.ReasonRunning, "2 of 2", 2*time.Hour),
			},
		},
	}
}

func condition(kind string, status metav1.ConditionStatus, reason v1alpha1.Reason, message string, age time.Duration) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: string(reason), Message: message, ObservedGeneration: 2, LastTransitionTime: ago(age)}
}

// failing is filter with another Ready, and without ProxiesLoaded.
func failing(status metav1.ConditionStatus, reason v1alpha1.Reason, message string) *v1alpha1.AutoWasm {
	aw := filter()
	aw.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, status, reason, message, 5*time.Minute)}
	return aw
}

// envoyFilter is the one that the server made, an hour ago.
func envoyFilter(aw *v1alpha1.AutoWasm, change ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: digits}, render.Options{Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local", BaseURL: "http://x"})
	if err != nil {
		panic(err)
	}
	written := ago(time.Hour)
	ef.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: render.FieldManager, Operation: "Apply", Time: &written}})
	ef.SetOwnerReferences([]metav1.OwnerReference{{UID: aw.UID}})
	for _, f := range change {
		f(ef)
	}
	return ef
}

// pod has a sidecar that was started some time ago.
func pod(name string, age time.Duration, change ...func(*Pod)) Pod {
	p := Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: ago(age)}}
	p.Spec.Containers = []Container{{"app"}, {istio.ProxyContainer}}
	proxy := ContainerStatus{Name: istio.ProxyContainer}
	proxy.State.Running = &RunningState{StartedAt: ago(age)}
	p.Status.ContainerStatuses = []ContainerStatus{proxy}
	for _, f := range change {
		f(&p)
	}
	return p
}

func withoutProxy(p *Pod) { p.Spec.Containers, p.Status.ContainerStatuses = p.Spec.Containers[:1], nil }
func deleted(p *Pod)      { t := ago(0); p.DeletionTimestamp = &t }
func starting(p *Pod)     { p.Status.ContainerStatuses[0].State.Running = nil }
