// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/proxies"
)

// computeStatus says what the status of an AutoWasm of this generation is after a reconcile that ended with o. What
// did not change keeps its bytes, so that an equal status need not be written.
func computeStatus(prev v1alpha1.AutoWasmStatus, generation int64, o outcome, now time.Time) v1alpha1.AutoWasmStatus {
	if retryUnderWay(prev, generation, o) || stillUnobserved(prev, generation, o) {
		return *prev.DeepCopy()
	}
	next := v1alpha1.AutoWasmStatus{
		ObservedGeneration: generation,
		Phase:              phaseOf(o.failure),
		Message:            messageOf(o),
		Module:             moduleOf(prev.Module, o.module),
		EnvoyFilter:        o.envoyFilter,
		Proxies:            proxiesOf(prev, generation, o, now),
	}
	next.Conditions = conditions(prev.Conditions, next, o, metav1.NewTime(now.Truncate(time.Second)))
	return next
}

// maxRequest bounds what is repeated of an annotation, in bytes.
const maxRequest = 256

// handledRequest is the request to reconcile aw now that is answered: the one that it carries, once what that began has
// ended, else the one before.
func handledRequest(aw *v1alpha1.AutoWasm, o outcome) string {
	request, open := openRequest(aw)
	if !open || o.unobserved || o.trial.retrying || o.failure != nil && o.failure.Reason == v1alpha1.ReasonPending {
		return aw.Status.LastHandledReconcileAt
	}
	return request
}

// openRequest is the request to reconcile aw now, as far as the status repeats it, and whether it is not answered.
func openRequest(aw *v1alpha1.AutoWasm) (request string, open bool) {
	request = text.Truncate(aw.Annotations[v1alpha1.AnnotationRequestedAt], maxRequest)
	return request, request != "" && request != aw.Status.LastHandledReconcileAt
}

// retryUnderWay is true while a failure that is already reported is being tried again in the background: why is worth
// more than that it is under way, and a status that alternates between the two would be written for ever.
func retryUnderWay(prev v1alpha1.AutoWasmStatus, generation int64, o outcome) bool {
	if o.failure == nil || o.failure.Reason != v1alpha1.ReasonPending || prev.ObservedGeneration != generation {
		return false
	}
	ready := meta.FindStatusCondition(prev.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return false
	}
	switch v1alpha1.Reason(ready.Reason) {
	case v1alpha1.ReasonPending, v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonConfigMapNotFound:
		return false // a fetch that has begun since is a change
	default:
		return true
	}
}

// stillUnobserved is true until this process has scraped the proxies: what they ran before, of the same EnvoyFilter,
// is as good.
func stillUnobserved(prev v1alpha1.AutoWasmStatus, generation int64, o outcome) bool {
	return o.unobserved && wasObserved(prev, generation, o.envoyFilter)
}

// wasObserved reports whether the proxies were observed with this very EnvoyFilter when prev was written.
func wasObserved(prev v1alpha1.AutoWasmStatus, generation int64, ef *v1alpha1.EnvoyFilterStatus) bool {
	return prev.ObservedGeneration == generation &&
		prev.EnvoyFilter != nil && *prev.EnvoyFilter == *ef &&
		meta.FindStatusCondition(prev.Conditions, v1alpha1.ConditionProxiesLoaded) != nil
}

// accessTTL is how long it is known who requested a module.
const accessTTL = 24 * time.Hour

// proxiesOf is what the proxies run. Requests are known to the process that served them: a new one goes by the status.
func proxiesOf(prev v1alpha1.AutoWasmStatus, generation int64, o outcome, now time.Time) *v1alpha1.ProxiesStatus {
	if o.proxies == nil || o.unobserved {
		return nil
	}
	next, before := o.proxies.Status(), prev.Proxies
	if next != nil {
		stamp(next.NotRunning, notRunning(prev, generation), metav1.NewTime(now.Truncate(time.Second)))
	}
	if next == nil || before == nil || before.LastRequestTime == nil || !wasObserved(prev, generation, o.envoyFilter) ||
		now.Sub(before.LastRequestTime.Time) > accessTTL {
		return next
	}
	next.Requested = max(next.Requested, min(before.Requested, next.Selected))
	if next.LastRequestTime == nil || next.LastRequestTime.Before(before.LastRequestTime) {
		next.LastRequestTime = before.LastRequestTime.DeepCopy()
	}
	return next
}

// notRunning are the proxies that a status of this generation lists.
func notRunning(prev v1alpha1.AutoWasmStatus, generation int64) []v1alpha1.ProxyStatus {
	if prev.Proxies == nil || prev.ObservedGeneration != generation {
		return nil
	}
	return prev.Proxies.NotRunning
}

// stamp says of proxies since when they are in their state: since before where they were.
func stamp(listed, before []v1alpha1.ProxyStatus, now metav1.Time) {
	for i := range listed {
		p := &listed[i]
		p.Since, p.Message = now, text.Truncate(p.Message, maxProxyMessage)
		for _, b := range before {
			if b.Namespace == p.Namespace && b.Pod == p.Pod && b.State == p.State {
				p.Since = b.Since
			}
		}
	}
}

// maxProxyMessage bounds what is said of one proxy, in bytes: there are several.
const maxProxyMessage = 400

func phaseOf(f *failure.Error) v1alpha1.Phase {
	switch {
	case f == nil:
		return v1alpha1.PhaseSynced
	case f.Terminal:
		return v1alpha1.PhaseFailed
	case f.Reason == v1alpha1.ReasonPending:
		return v1alpha1.PhaseFetching
	default:
		return v1alpha1.PhasePending
	}
}

func messageOf(o outcome) string {
	switch {
	case o.failure == nil:
		return fmt.Sprintf("EnvoyFilter %s carries module sha256:%s to the selected proxies%s", o.envoyFilter.Name, o.module.SHA256, proxiesSummary(o.proxies))
	case o.stage == stageProxies:
		return text.Truncate(o.failure.Error(), v1alpha1.MaxMessageBytes)
	}
	return text.Truncate(o.failure.Error(), v1alpha1.MaxMessageBytes-len(inForce(o))) + inForce(o)
}

// proxiesSummary is what a message of success says of the proxies.
func proxiesSummary(s *proxies.Snapshot) string {
	if s == nil || s.Selected == 0 {
		return ""
	}
	if restarts := s.Restarts(); restarts != "" {
		return "; " + s.Summary() + "; " + restarts
	}
	return "; " + s.Summary()
}

// inForce says what the proxies run in spite of the failure.
func inForce(o outcome) string {
	switch {
	case o.envoyFilter == nil:
		return ""
	case o.renderedFor == 0:
		return "; the present EnvoyFilter stays in force"
	default:
		return fmt.Sprintf("; the EnvoyFilter of generation %d stays in force", o.renderedFor)
	}
}

// moduleOf keeps the last module that was resolved, which runs while a newer source fails, and when it first came.
func moduleOf(prev, next *v1alpha1.ModuleStatus) *v1alpha1.ModuleStatus {
	if next == nil {
		return prev.DeepCopy()
	}
	next = next.DeepCopy()
	if prev != nil && prev.SHA256 == next.SHA256 && prev.FetchedAt != nil {
		next.FetchedAt = prev.FetchedAt.DeepCopy()
	}
	return next
}

// The actions of Events: what the controller was doing.
const (
	actionReconcile = "Reconcile"
	actionSweep     = "Sweep"
)

// eventOf returns the type of the Event for the step from one status to the next, and the condition that it tells of;
// nil for none. Only transitions have one: a failure that is met again has none, nor has a fetch that is under way.
func eventOf(prev, next v1alpha1.AutoWasmStatus) (kind string, ready *metav1.Condition) {
	before, after := meta.FindStatusCondition(prev.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionReady)
	switch {
	case after == nil, after.Reason == string(v1alpha1.ReasonPending), after.Reason == string(v1alpha1.ReasonProxiesLoading):
		return "", nil
	case before != nil && before.Status == after.Status && before.Reason == after.Reason &&
		before.ObservedGeneration == after.ObservedGeneration && sha256Of(prev.Module) == sha256Of(next.Module):
		return "", nil
	case after.Status == metav1.ConditionTrue:
		return corev1.EventTypeNormal, after
	default:
		return corev1.EventTypeWarning, after
	}
}

// moreRestarted reports whether, by the step from one status to the next, more proxies have restarted because of the filter.
func moreRestarted(prev, next v1alpha1.AutoWasmStatus) bool {
	if next.Proxies == nil {
		return false
	}
	before := int32(0)
	if prev.Proxies != nil && prev.EnvoyFilter != nil && *prev.EnvoyFilter == *next.EnvoyFilter {
		before = prev.Proxies.Restarted
	}
	return next.Proxies.Restarted > before
}

func sha256Of(m *v1alpha1.ModuleStatus) string {
	if m == nil {
		return ""
	}
	return m.SHA256
}
