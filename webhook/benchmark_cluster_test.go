package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apilabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/preflight"
)

// crowd is a cache of one namespace, whose objects it does not copy.
type crowd struct {
	client.Reader
	pods     []corev1.Pod
	services []corev1.Service
}

func (n crowd) List(_ context.Context, into client.ObjectList, o ...client.ListOption) error {
	var options client.ListOptions
	options.ApplyOptions(o)
	switch list := into.(type) {
	case *corev1.PodList:
		var found []*corev1.Pod // whose number is known before they are put into the list
		for i := range n.pods {
			if options.LabelSelector.Matches(apilabels.Set(n.pods[i].Labels)) {
				found = append(found, &n.pods[i])
			}
		}
		list.Items = make([]corev1.Pod, len(found))
		for i, pod := range found {
			list.Items[i] = *pod
		}
	case *corev1.ServiceList:
		list.Items = n.services
	}
	return nil
}

// busy is what an admission's preflight meets in a namespace of 20 workloads with 10
// Pods each, in which nothing is wrong with the sample.
func busy() *preflight.Loader {
	n := crowd{}
	for i := range 20 {
		app := map[string]string{"app": "details"}
		if i > 0 {
			app["app"] = fmt.Sprint("app-", i)
		}
		for range 10 {
			n.pods = append(n.pods, corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Labels: app},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}, {Name: "istio-proxy"}}},
			})
		}
		n.services = append(n.services, corev1.Service{Spec: corev1.ServiceSpec{
			Selector: app, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(9080)}},
		}})
	}
	kinds := preflight.Kinds{preflight.Pods: preflight.Pods.WithVersion("v1"), preflight.Services: preflight.Services.WithVersion("v1")}
	return &preflight.Loader{Reader: n, Kinds: kinds, Options: preflight.Options{RootNamespace: "istio-system"}}
}
