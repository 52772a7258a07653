package render

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// EnvoyFilter renders aw with module m: name, namespace, labels, annotations and
// spec, without an owner reference and without provenance (SetProvenance). It
// fails when a field of aw cannot be rendered, naming the field, the reason and
// the remedy, when o or m are incomplete, or when the message breaks a rule of
// Envoy. The patches of the result share one value: treat it as read-only.
func EnvoyFilter(aw *v1alpha1.AutoWasm, m Module, o Options) (*istiov1alpha3.EnvoyFilter, error) {
	ef, err := envoyFilter(aw, m, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("render the EnvoyFilter of AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
	}
	return ef, nil
}

func envoyFilter(aw *v1alpha1.AutoWasm, m Module, o Options) (*istiov1alpha3.EnvoyFilter, error) {
	if err := check(aw, m, o); err != nil {
		return nil, err
	}
	value, plugin, err := filterValue(aw, m, o)
	if err != nil {
		return nil, err
	}
	return &istiov1alpha3.EnvoyFilter{
		TypeMeta: metav1.TypeMeta{APIVersion: istio.EnvoyFilterAPIVersion, Kind: istio.EnvoyFilterKind},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   aw.Namespace,
			Name:        aw.Name,
			Labels:      labels(aw),
			Annotations: annotations(aw, m, o, plugin),
		},
		Spec: networking.EnvoyFilter{
			WorkloadSelector: workloadSelector(aw.Spec.Selector),
			ConfigPatches:    configPatches(&aw.Spec.Filter, value),
			Priority:         priority(aw.Spec.Filter.Priority),
		},
	}, nil
}

// workloadSelector is nil for a selector that selects everything: Istio reads an
// absent one as every workload of the namespace.
func workloadSelector(s v1alpha1.WorkloadSelector) *networking.WorkloadSelector {
	if len(s.MatchLabels) == 0 {
		return nil
	}
	return &networking.WorkloadSelector{Labels: s.Labels()}
}

// priority maps an absent priority to Istio's default, 0, which is not rendered.
func priority(p *int32) int32 {
	if p == nil {
		return 0
	}
	return *p
}
