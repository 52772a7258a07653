// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/render"
)

// Report is what has become of one AutoWasm.
type Report struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Phase is the one-word summary, "" before the controller has observed the object.
	Phase string `json:"phase,omitempty"`
	Ready Ready  `json:"ready"`
	// Selects says which proxies the filter is for.
	Selects Selects `json:"selects"`
	// Priority orders the filter among the others of a proxy, ascending.
	Priority int32 `json:"priority,omitempty"`
	// Source is where the module comes from, as the spec names it, without what a signed URL holds in secret.
	Source string `json:"source"`
	// Module is what it was last resolved to, absent before.
	Module *v1alpha1.ModuleStatus `json:"module,omitempty"`
	// Config says what the schema in the module refuses of the configuration, absent when it refuses nothing.
	Config string `json:"config,omitempty"`
	// Trial says how the module failed when it was tried, absent when it did not.
	Trial       string      `json:"trial,omitempty"`
	EnvoyFilter EnvoyFilter `json:"envoyFilter"`
	Proxies     Proxies     `json:"proxies"`
	// Findings say what in the cluster keeps the filter from running.
	Findings string `json:"findings,omitempty"`
	// Actions say what to do, in the order in which to do it.
	Actions []Action `json:"actions,omitempty"`
}

// Ready is the condition of that type.
type Ready struct {
	// Status is True, False or Unknown.
	Status  string       `json:"status"`
	Reason  string       `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	Since   *metav1.Time `json:"since,omitempty"`
}

// Selects says which proxies a filter is for.
type Selects struct {
	// Labels are matchLabels; none select every Pod.
	Labels  map[string]string `json:"labels,omitempty"`
	Context string            `json:"context"`
	// Ports are applyPorts; none are all.
	Ports []v1alpha1.Port `json:"ports,omitempty"`
	// ProxyVersion is the expression that the version of a proxy must match, "" for all.
	ProxyVersion string `json:"proxyVersion,omitempty"`
	// MeshWide is true for an AutoWasm of Istio's root namespace.
	MeshWide bool `json:"meshWide,omitempty"`
}

// What an EnvoyFilter can be.
const (
	// InForce is the AutoWasm's own EnvoyFilter.
	InForce = "InForce"
	// Staged was made at admission, and selects nothing until the controller adopts it.
	Staged = "Staged"
	// Foreign was not made for the AutoWasm.
	Foreign = "Foreign"
	// Absent is none.
	Absent = "Absent"
	// Unreadable cannot be read by who asks.
	Unreadable = "Unreadable"
)

// EnvoyFilter is the one that carries the module to the proxies.
type EnvoyFilter struct {
	State string `json:"state"`
	// Generation is that of the AutoWasm for which it was rendered, 0 when it does not say.
	Generation int64 `json:"generation,omitempty"`
	// Outdated is true when that is a former one.
	Outdated bool `json:"outdated,omitempty"`
	// Module is the sha256 of the module that it names.
	Module string `json:"module,omitempty"`
	// Created is when it was made.
	Created *metav1.Time `json:"created,omitempty"`
	// Since is when wasmer last wrote it.
	Since *metav1.Time `json:"since,omitempty"`
	// Message says why it cannot be read.
	Message string `json:"message,omitempty"`
}

// Of makes the report of one AutoWasm.
func Of(o Objects) Report {
	aw := o.AutoWasm
	r := Report{
		Namespace: aw.Namespace, Name: aw.Name, Phase: string(aw.Status.Phase),
		Ready: readyOf(aw), Selects: selectsOf(o), Source: sourceOf(aw.Spec.Filter.Source), Module: aw.Status.Module,
		EnvoyFilter: envoyFilterOf(o),
	}
	if priority := aw.Spec.Filter.Priority; priority != nil {
		r.Priority = *priority
	}
	r.Proxies = proxiesOf(o, r.EnvoyFilter.Since)
	r.Config = falseOf(aw, v1alpha1.ConditionConfigValid).Message
	r.Trial = falseOf(aw, v1alpha1.ConditionModuleTried).Message
	r.Findings = falseOf(aw, v1alpha1.ConditionPreflightPassed).Message
	r.Actions = actionsOf(aw, r)
	return r
}

// falseOf is the AutoWasm's condition of a type while it is False, else an empty one.
func falseOf(aw *v1alpha1.AutoWasm, kind string) (none metav1.Condition) {
	if c := meta.FindStatusCondition(aw.Status.Conditions, kind); c != nil && c.Status == metav1.ConditionFalse {
		return *c
	}
	return none
}

// readyOf is Unknown while the status is of an earlier generation.
func readyOf(aw *v1alpha1.AutoWasm) Ready {
	c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.ObservedGeneration != aw.Generation {
		return Ready{Status: string(metav1.ConditionUnknown), Reason: notObserved, Message: "the controller has not observed this generation yet"}
	}
	return Ready{Status: string(c.Status), Reason: c.Reason, Message: c.Message, Since: &c.LastTransitionTime}
}

// notObserved is the reason of Ready while there is none.
const notObserved = "NotObserved"

func selectsOf(o Objects) Selects {
	spec := &o.AutoWasm.Spec
	return Selects{
		Labels: spec.Selector.Labels(), Context: string(cmp.Or(spec.Filter.Context, v1alpha1.Inbound)),
		Ports: spec.Filter.ApplyPorts, ProxyVersion: spec.Filter.ProxyVersion, MeshWide: o.meshWide(),
	}
}

// IsMeshWide reports whether an AutoWasm is for the Pods of all namespaces: without the annotation, admission refuses one
// in Istio's root namespace.
func IsMeshWide(aw *v1alpha1.AutoWasm) bool {
	return aw.Annotations[v1alpha1.AnnotationAllowMeshWide] == "true"
}

func sourceOf(source v1alpha1.Source) string {
	switch {
	case source.Registry != nil:
		return "image " + source.Registry.Image
	case source.Object != nil:
		return shownURL(source.Object.URL)
	case source.ConfigMap != nil:
		return "ConfigMap " + source.ConfigMap.Name + ", key " + source.ConfigMap.Key
	}
	return ""
}

// shownURL is a URL without its user information and its query, which may be a signature; "?…" stands for that.
func shownURL(address string) string {
	shown := text.WithoutQuery(address)
	if strings.Contains(address, "?") {
		shown += "?…"
	}
	return shown
}

func envoyFilterOf(o Objects) EnvoyFilter {
	ef := o.EnvoyFilter
	switch {
	case o.NoEnvoyFilter != "":
		return EnvoyFilter{State: Unreadable, Message: o.NoEnvoyFilter}
	case ef == nil:
		return EnvoyFilter{State: Absent}
	case !render.IsOurs(ef, o.AutoWasm):
		return EnvoyFilter{State: Foreign}
	}
	found := EnvoyFilter{
		State: InForce, Generation: render.ProvenanceOf(ef).Generation, Module: ef.GetAnnotations()[v1alpha1.AnnotationModule],
	}
	found.Outdated = found.Generation != 0 && found.Generation != o.AutoWasm.Generation && !render.IsFor(ef, o.AutoWasm)
	if render.IsStaged(ef) {
		found.State = Staged
	}
	if created := ef.GetCreationTimestamp(); !created.IsZero() {
		found.Created = &created
	}
	for _, entry := range ef.GetManagedFields() {
		if entry.Manager == render.FieldManager && entry.Time != nil && (found.Since == nil || entry.Time.After(found.Since.Time)) {
			found.Since = entry.Time
		}
	}
	return found
}

// number is n and what it counts.
func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
