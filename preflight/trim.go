// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

// Trim is the default transform of the cache: it keeps of the kinds what is read of them, and leaves alone what is of none
// of them. Being the default, it is there for a kind that the cluster did not have when the cache was made.
func Trim(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Pod:
		return transforms[Pods](object)
	case *corev1.Service:
		return transforms[Services](object)
	case *unstructured.Unstructured:
		if trim, ok := transforms[o.GroupVersionKind().GroupKind()]; ok {
			return trim(object)
		}
	}
	return object, nil
}

// transforms say what the cache keeps of each kind: what is read of it. A transform may be handed what it returned
// before, and things of other types, such as tombstones, which it leaves alone.
var transforms = map[schema.GroupKind]toolscache.TransformFunc{
	Pods:                mesh.TrimPod,
	Services:            trimService,
	ServiceEntries:      trimSpec("ports", "workloadSelector"),
	WorkloadEntries:     trimSpec("labels", "ports"),
	Sidecars:            trimSpec("workloadSelector", "egress", "ingress"),
	DestinationRules:    trimSpec("host", "trafficPolicy", "exportTo", "workloadSelector"),
	PeerAuthentications: trimSpec("selector", "mtls", "portLevelMtls"),
}

func trimService(object any) (any, error) {
	service, ok := object.(*corev1.Service)
	if !ok {
		return object, nil
	}
	return &corev1.Service{
		TypeMeta:   service.TypeMeta,
		ObjectMeta: mesh.TrimMeta(service.ObjectMeta, istio.AnnotationExportTo),
		Spec:       corev1.ServiceSpec{Selector: service.Spec.Selector, Ports: service.Spec.Ports},
	}, nil
}

// trimSpec keeps the given fields of the spec of an object of Istio's.
func trimSpec(fields ...string) toolscache.TransformFunc {
	return func(object any) (any, error) {
		u, ok := object.(*unstructured.Unstructured)
		if !ok {
			return object, nil
		}
		kept := &unstructured.Unstructured{Object: map[string]any{}}
		kept.SetGroupVersionKind(u.GroupVersionKind())
		kept.SetNamespace(u.GetNamespace())
		kept.SetName(u.GetName())
		kept.SetUID(u.GetUID())
		kept.SetResourceVersion(u.GetResourceVersion())
		kept.SetCreationTimestamp(u.GetCreationTimestamp())
		kept.SetLabels(u.GetLabels())
		kept.Object["spec"] = only(u.Object["spec"], fields)
		return kept, nil
	}
}

func only(spec any, fields []string) map[string]any {
	kept := map[string]any{}
	from, _ := spec.(map[string]any)
	for _, field := range fields {
		if value, ok := from[field]; ok {
			kept[field] = value
		}
	}
	return kept
}
