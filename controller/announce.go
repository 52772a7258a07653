package controller

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The actions of Events: what the controller was doing.
const (
	actionReconcile = "Reconcile"
	actionSweep     = "Sweep"
)

// announcement is an Event to be recorded.
type announcement struct {
	Type, Reason, Note string
}

// announce says which Event the step from one status to the next deserves, nil
// for none. Only transitions do: the same failure met again is silent, and so is
// a fetch that is under way.
func announce(prev, next v1alpha1.AutoWasmStatus) *announcement {
	before, after := find(prev.Conditions, v1alpha1.ConditionReady), find(next.Conditions, v1alpha1.ConditionReady)
	if after == nil || after.Reason == string(v1alpha1.ReasonPending) || after.Reason == string(v1alpha1.ReasonProxiesLoading) || sameNews(before, after, prev.Module, next.Module) {
		return nil
	}
	kind := corev1.EventTypeWarning
	if after.Status == metav1.ConditionTrue {
		kind = corev1.EventTypeNormal
	}
	return &announcement{Type: kind, Reason: after.Reason, Note: after.Message}
}

func sameNews(before, after *metav1.Condition, was, is *v1alpha1.ModuleStatus) bool {
	return before != nil &&
		before.Status == after.Status &&
		before.Reason == after.Reason &&
		before.ObservedGeneration == after.ObservedGeneration &&
		sha256Of(was) == sha256Of(is)
}

func sha256Of(m *v1alpha1.ModuleStatus) string {
	if m == nil {
		return ""
	}
	return m.SHA256
}
