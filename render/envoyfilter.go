// SPDX-License-Identifier: Apache-2.0

package render

import (
	"errors"
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// Module is what render needs to know of a module.
type Module struct {
	// SHA256 of the module's bytes: 64 lower-case hex digits. Required.
	SHA256 string
	// Reference is the immutable reference that the source resolved to, "" when there is none. Its query is not
	// rendered: it may hold a signature, and an EnvoyFilter is read by more people than the AutoWasm.
	Reference string
	// Reload is how often the proxies were made to load the module again. It changes only the name of the plugin, and
	// a proxy whose plugin has another name loads the module for it.
	Reload uint32
}

// EnvoyFilter renders aw, in which validation.Validate found no error, with module m: the whole object as it is sent
// to the API server, with nothing that the server fills. Only the owner reference is left to whoever adopts it.
//
// It fails when o, m or aw are incomplete, a field cannot be rendered, or the message breaks a rule of Envoy.
func EnvoyFilter(aw *v1alpha1.AutoWasm, m Module, o Options) (*unstructured.Unstructured, error) {
	ef, err := typed(aw, m, o)
	if err != nil {
		return nil, fmt.Errorf("render the EnvoyFilter of AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
	}
	u, err := untyped(ef)
	if err != nil {
		return nil, fmt.Errorf("encode the EnvoyFilter of AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
	}
	return u, nil
}

// Stage makes ef, as EnvoyFilter returned it, one that no proxy takes: its selector also asks for a label that no pod
// has. It is complete, so that Istio and policies can refuse it, before what it is for is known to have been stored. The
// request is the uid of the admission request.
func Stage(ef *unstructured.Unstructured, request types.UID) error {
	err := unstructured.SetNestedField(ef.Object, string(request), "spec", "workloadSelector", "labels", v1alpha1.LabelStaged)
	if err != nil {
		return fmt.Errorf("stage EnvoyFilter %s/%s: %w", ef.GetNamespace(), ef.GetName(), err)
	}
	return nil
}

// IsInert reports whether ef is as Stage made it: in force nowhere.
func IsInert(ef *unstructured.Unstructured) bool {
	_, inert, _ := unstructured.NestedString(ef.Object, "spec", "workloadSelector", "labels", v1alpha1.LabelStaged)
	return inert
}

// check refuses what would be rendered as something else: a word that is not known here would become a zero value.
func check(aw *v1alpha1.AutoWasm, m Module, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	if !v1alpha1.IsSHA256(m.SHA256) {
		return fmt.Errorf("the module's sha256 is %q: it must be 64 lower-case hex digits, and is known only once the source is resolved", m.SHA256)
	}
	if aw.Namespace == "" || aw.Name == "" {
		return errors.New("the EnvoyFilter is named as the AutoWasm, in its namespace: set both")
	}
	f := &aw.Spec.Filter
	if _, ok := patchContexts[f.Context]; !ok {
		return fmt.Errorf("spec.filter.context %q is not known", f.Context)
	}
	if _, ok := failurePolicies[f.FailurePolicy]; !ok {
		return fmt.Errorf("spec.filter.failurePolicy %q is not known", f.FailurePolicy)
	}
	return nil
}

// typed returns the object in Istio's type. Its patches share one value.
func typed(aw *v1alpha1.AutoWasm, m Module, o Options) (*istiov1alpha3.EnvoyFilter, error) {
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

// workloadSelector is nil for an empty selector: Istio reads an absent one as every workload of the namespace.
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

// untyped goes through JSON, with the API machinery's own rule for numbers: int64 where they are whole, else float64.
// It fails only on strings that are not UTF-8.
func untyped(ef *istiov1alpha3.EnvoyFilter) (*unstructured.Unstructured, error) {
	raw, err := json.Marshal(ef)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: map[string]any{}}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		return nil, err
	}
	unstructured.RemoveNestedField(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	return u, nil
}
