package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/preflight"
)

// preflights has the findings about an AutoWasm for its status. They change neither
// the phase nor whether it is Ready: they say why a filter may not do what it is for.
type preflights struct{ loader *preflight.Loader }

// condition is what is found now; nil when that cannot be told.
func (p preflights) condition(ctx context.Context, aw *v1alpha1.AutoWasm) *metav1.Condition {
	if p.loader == nil {
		return nil
	}
	findings, err := p.loader.Findings(ctx, aw)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("the status keeps what was found before", "why", err.Error())
		return nil
	}
	c := condition(v1alpha1.ConditionPreflightPassed, metav1.ConditionTrue, v1alpha1.ReasonNothingFound, "nothing in the cluster is known to keep the filter from running")
	if len(findings) > 0 {
		c = condition(v1alpha1.ConditionPreflightPassed, metav1.ConditionFalse, findings[0].Reason, preflight.Message(findings))
	}
	return &c
}

// preflightPassed is what was found, or what was found before.
func preflightPassed(prev []metav1.Condition, now *metav1.Condition) []metav1.Condition {
	if now == nil {
		now = meta.FindStatusCondition(prev, v1alpha1.ConditionPreflightPassed)
	}
	if now == nil {
		return nil
	}
	return []metav1.Condition{*now}
}
