// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

// TestPodsAreReadAsTheServerReadsThem: which have a proxy, and of which kind.
func TestPodsAreReadAsTheServerReadsThem(t *testing.T) {
	proxy, app := corev1.Container{Name: istio.ProxyContainer}, corev1.Container{Name: "app"}
	annotated := func(key, value string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Annotations: map[string]string{key: value}}
	}
	for name, pod := range map[string]corev1.Pod{
		"none":     {Spec: corev1.PodSpec{Containers: []corev1.Container{app}}},
		"sidecar":  {Spec: corev1.PodSpec{Containers: []corev1.Container{app, proxy}}},
		"native":   {Spec: corev1.PodSpec{Containers: []corev1.Container{app}, InitContainers: []corev1.Container{proxy}}},
		"injected": {ObjectMeta: annotated(istio.AnnotationSidecarStatus, "{}"), Spec: corev1.PodSpec{Containers: []corev1.Container{app}}},
		"gateway":  {Spec: corev1.PodSpec{Containers: []corev1.Container{proxy}}},
		"template": {ObjectMeta: annotated(istio.AnnotationInjectTemplates, "x,gateway"), Spec: corev1.PodSpec{Containers: []corev1.Container{app, proxy}}},
		"ended":    {Spec: corev1.PodSpec{Containers: []corev1.Container{app, proxy}}, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := json.Marshal(pod)
			if err != nil {
				t.Fatal(err)
			}
			var read Pod
			if err := json.Unmarshal(raw, &read); err != nil {
				t.Fatal(err)
			}
			for _, gateway := range []bool{false, true} {
				if got, want := read.hasProxy(gateway), mesh.HasProxy(&pod) && mesh.IsGateway(&pod) == gateway; got != want {
					t.Errorf("it has a proxy (gateway: %v): %v, the server says %v", gateway, got, want)
				}
			}
			if read.runs() == mesh.Ends(&pod) {
				t.Errorf("it runs: %v", read.runs())
			}
		})
	}
}
