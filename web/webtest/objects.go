// SPDX-License-Identifier: Apache-2.0

package webtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// Now is the time to which the ages of what this package makes are counted.
var Now = time.Now().Truncate(time.Second)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(Now.Add(-d)) }

// SHA256 is that of some text, as a module's.
func SHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// AutoWasm returns one that is Ready: its filter is for port 8080 of the Pods with the label app, and one proxy runs it.
func AutoWasm(namespace, name, app string, change ...func(*v1alpha1.AutoWasm)) *v1alpha1.AutoWasm {
	image, fetched := "registry.example/filters/"+name, ago(26*time.Hour)
	digits := SHA256(image)
	aw := &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 1, UID: types.UID(namespace + "/" + name), CreationTimestamp: ago(26 * time.Hour)},
		Spec: v1alpha1.AutoWasmSpec{
			Selector: v1alpha1.WorkloadSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": v1alpha1.LabelValue(app)}},
			Filter: v1alpha1.Filter{
				ApplyPorts: []v1alpha1.Port{8080},
				Source:     v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: image + ":v1"}},
			},
		},
		Status: v1alpha1.AutoWasmStatus{
			ObservedGeneration: 1, Phase: v1alpha1.PhaseSynced,
			Module:      &v1alpha1.ModuleStatus{SHA256: digits, Size: 1_482_310, ABI: "0.2.1", Reference: image + "@sha256:" + digits, FetchedAt: &fetched},
			EnvoyFilter: &v1alpha1.EnvoyFilterStatus{Name: name, Generation: 1},
			Proxies:     &v1alpha1.ProxiesStatus{Selected: 1, Running: 1, Requested: 1},
		},
	}
	SetReady(aw, metav1.ConditionTrue, v1alpha1.ReasonSynced, "1 of 1 selected proxies run the module", 25*time.Hour)
	for _, f := range change {
		f(aw)
	}
	return aw
}

// SetReady gives an AutoWasm the condition Ready alone, as it is for some time.
func SetReady(aw *v1alpha1.AutoWasm, status metav1.ConditionStatus, reason v1alpha1.Reason, message string, age time.Duration) {
	aw.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: status, Reason: string(reason), Message: message, ObservedGeneration: aw.Generation, LastTransitionTime: ago(age),
	}}
}

// StartFails makes the proxy of a Pod one in which the module does not start.
func StartFails(pod string) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) {
		const why = "has the module, but runs only 0 of the 4 virtual machines: see its log under wasm"
		aw.Status.Phase = v1alpha1.PhaseFailed
		aw.Status.Proxies = &v1alpha1.ProxiesStatus{Selected: 1, Requested: 1, NotRunning: []v1alpha1.ProxyStatus{
			{Namespace: aw.Namespace, Pod: pod, State: "StartFailed", Message: why, Since: ago(12 * time.Minute)},
		}}
		SetReady(aw, metav1.ConditionFalse, v1alpha1.ReasonProxyStartFailed, "0 of 1 selected proxies run the module; the proxy of Pod "+aw.Namespace+"/"+pod+" "+why, 12*time.Minute)
	}
}

// Unavailable makes the source one that cannot be reached.
func Unavailable(aw *v1alpha1.AutoWasm) {
	aw.Status.Phase, aw.Status.Module, aw.Status.EnvoyFilter, aw.Status.Proxies = v1alpha1.PhasePending, nil, nil, nil
	SetReady(aw, metav1.ConditionUnknown, v1alpha1.ReasonUnavailable, "fetch "+aw.Spec.Filter.Source.Registry.Image+": 503 Service Unavailable; tried again in 40s", 90*time.Second)
}

// PortNotInService has preflight find something.
func PortNotInService(aw *v1alpha1.AutoWasm) {
	aw.Status.Conditions = append(aw.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionPreflightPassed, Status: metav1.ConditionFalse, Reason: string(v1alpha1.ReasonPortNotInService),
		Message: "port 8080 of applyPorts is that of no Service, so that Istio makes no listener for it", ObservedGeneration: aw.Generation, LastTransitionTime: ago(time.Hour),
	})
}

// ConfigRefused has the schema in the module refuse the configuration, and a trial fail with it.
func ConfigRefused(aw *v1alpha1.AutoWasm) {
	for kind, found := range map[string]struct {
		reason  v1alpha1.Reason
		message string
	}{
		v1alpha1.ConditionConfigValid: {v1alpha1.ReasonConfigRefused, "spec.filter.config.digits: Invalid value: must be at most 19"},
		v1alpha1.ConditionModuleTried: {v1alpha1.ReasonStartRefused, "proxy_on_configure returned false; it logged \"digits: 20 is too many\""},
	} {
		aw.Status.Conditions = append(aw.Status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionFalse, Reason: string(found.reason),
			Message: found.message, ObservedGeneration: aw.Generation, LastTransitionTime: ago(time.Hour),
		})
	}
}

// Pod returns one of an app with a sidecar that has run for a day, as the cache keeps it.
func Pod(namespace, name, app string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("pod-" + namespace + "/" + name), Labels: map[string]string{"app": app, "version": "v1"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}, {Name: istio.ProxyContainer}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1",
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: istio.ProxyContainer, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(24 * time.Hour)}},
			}},
		},
	}
}

// Fill puts n AutoWasms into the cluster, 20 of a namespace, each with a Pod: one in 50 fails, one in 100 waits, and one in 40
// has something to look at. They use 25 modules.
func (c *Cluster) Fill(n int) {
	for i := range n {
		namespace, app := fmt.Sprintf("team-%03d", i/20), fmt.Sprintf("service-%05d", i)
		pod := app + "-7d9f8b6c5d-x2x8q"
		c.PutPods(Pod(namespace, pod, app))
		c.Put(AutoWasm(namespace, fmt.Sprintf("filter-%05d", i), app, sharedModule(i%25), ofKind(i, pod)))
	}
}

func sharedModule(i int) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) {
		image := fmt.Sprintf("registry.example/filters/shared-%02d", i)
		aw.Spec.Filter.Source.Registry.Image = image + ":v1"
		aw.Status.Module.SHA256 = SHA256(image)
		aw.Status.Module.Reference = image + "@sha256:" + SHA256(image)
		aw.Status.Module.Size = int64(200_000 + 137_000*i)
	}
}

func ofKind(i int, pod string) func(*v1alpha1.AutoWasm) {
	switch {
	case i%50 == 7:
		return StartFails(pod)
	case i%100 == 13:
		return Unavailable
	case i%40 == 21:
		return PortNotInService
	}
	return func(*v1alpha1.AutoWasm) {}
}
