// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
)

// conditions lists the conditions of status in a fixed order, Ready first. The negative ones, Reconciling and
// Stalled, are there only while they are True: an absent one is what tools read as "fine".
func conditions(prev []metav1.Condition, status v1alpha1.AutoWasmStatus, o outcome, now metav1.Time) []metav1.Condition {
	wanted := []metav1.Condition{ready(status.Message, o)}
	wanted = append(wanted, working(status.Message, o.failure)...)
	wanted = append(wanted, sourceResolved(status.Module, o), moduleVerified(status.Module, o))
	if o.configValid != nil {
		wanted = append(wanted, *o.configValid)
	}
	if o.trial.condition != nil {
		wanted = append(wanted, *o.trial.condition)
	}
	wanted = append(wanted, envoyFilterApplied(o))
	wanted = append(wanted, proxiesLoaded(o)...)
	if passed := preflightPassed(prev, o.preflight); passed != nil {
		wanted = append(wanted, *passed)
	}
	var list []metav1.Condition
	for _, c := range wanted {
		if before := meta.FindStatusCondition(prev, c.Type); before != nil {
			list = append(list, *before)
		}
		c.Message = text.Truncate(c.Message, v1alpha1.MaxMessageBytes)
		c.ObservedGeneration = status.ObservedGeneration
		c.LastTransitionTime = now // kept from before while the status is the same
		meta.SetStatusCondition(&list, c)
	}
	return list
}

func ready(message string, o outcome) metav1.Condition {
	if o.failure == nil {
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, message)
	}
	return condition(v1alpha1.ConditionReady, conditionStatus(o.failure), o.failure.Reason, message)
}

// working is Stalled, Reconciling or neither.
func working(message string, f *failure.Error) []metav1.Condition {
	if f == nil {
		return nil
	}
	kind := v1alpha1.ConditionReconciling
	if f.Terminal {
		kind = v1alpha1.ConditionStalled
	}
	return []metav1.Condition{condition(kind, metav1.ConditionTrue, f.Reason, message)}
}

// sourceResolved is True only when status names the module that the source is pinned to: later reconciles trust it.
func sourceResolved(m *v1alpha1.ModuleStatus, o outcome) metav1.Condition {
	const kind = v1alpha1.ConditionSourceResolved
	switch {
	case o.stage > stageSource && m != nil && m.SHA256 == o.pinned:
		return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonResolved, "pinned to "+cmp.Or(m.Reference, "sha256:"+m.SHA256)+withoutSecret(o))
	case o.stage == stageSource && !moduleReasons.Has(o.failure.Reason):
		return failed(kind, o.failure)
	default:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonWaiting, "the source is not pinned to a module yet")
	}
}

// withoutSecret says that nothing has proven the credentials that the spec names now.
func withoutSecret(o outcome) string {
	if o.missingSecret == "" {
		return ""
	}
	return fmt.Sprintf("; Secret %s does not exist: the module stays in use, but it cannot be fetched again, nor another, before you create the Secret", o.missingSecret)
}

func moduleVerified(m *v1alpha1.ModuleStatus, o outcome) metav1.Condition {
	const kind = v1alpha1.ConditionModuleVerified
	switch {
	case o.stage > stageModule && m != nil:
		return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonVerified, fmt.Sprintf("sha256:%s, %d bytes, Proxy-Wasm ABI %s", m.SHA256, m.Size, m.ABI))
	case o.stage == stageModule, o.stage == stageSource && moduleReasons.Has(o.failure.Reason):
		return failed(kind, o.failure)
	default:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonWaiting, "the module is not in the store yet")
	}
}

func envoyFilterApplied(o outcome) metav1.Condition {
	const kind = v1alpha1.ConditionEnvoyFilterApplied
	switch {
	case o.stage > stageEnvoyFilter:
		return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonApplied, "EnvoyFilter "+o.envoyFilter.Name+" is as rendered")
	case o.stage == stageEnvoyFilter:
		return failed(kind, o.failure)
	case o.envoyFilter != nil:
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonPreviousInForce, "EnvoyFilter "+o.envoyFilter.Name+" stays as it was last applied")
	default:
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonWaiting, "there is no EnvoyFilter yet")
	}
}

// proxiesLoaded is there only where the proxies are observed.
func proxiesLoaded(o outcome) []metav1.Condition {
	const kind = v1alpha1.ConditionProxiesLoaded
	switch {
	case o.stage == stageProxies && o.failure.Reason != v1alpha1.ReasonFilterTraps: // which have loaded it
		return []metav1.Condition{failed(kind, o.failure), o.proxies.RequestsPass(o.policy)}
	case o.proxies == nil:
		return nil
	default:
		return []metav1.Condition{o.proxies.Condition(), o.proxies.RequestsPass(o.policy)}
	}
}

// preflightPassed is what was found, or what was found before.
func preflightPassed(prev []metav1.Condition, now *metav1.Condition) *metav1.Condition {
	return cmp.Or(now, meta.FindStatusCondition(prev, v1alpha1.ConditionPreflightPassed))
}

// moduleReasons tell failures of a module from failures to get at it: both come from the same fetch.
var moduleReasons = sets.New(v1alpha1.ReasonDigestMismatch, v1alpha1.ReasonTooLarge, v1alpha1.ReasonNotWasm,
	v1alpha1.ReasonComponent, v1alpha1.ReasonNotProxyWasm, v1alpha1.ReasonUnknownImport, v1alpha1.ReasonStoreFailed)

func failed(kind string, f *failure.Error) metav1.Condition {
	return condition(kind, conditionStatus(f), f.Reason, f.Error())
}

// conditionStatus is False for a terminal failure, and for proxies without the filter; Unknown for what may pass.
func conditionStatus(f *failure.Error) metav1.ConditionStatus {
	if f.Terminal || f.Reason == v1alpha1.ReasonProxyLoadFailed || f.Reason == v1alpha1.ReasonProxyRestarted {
		return metav1.ConditionFalse
	}
	return metav1.ConditionUnknown
}

func condition(kind string, status metav1.ConditionStatus, reason v1alpha1.Reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: string(reason), Message: message}
}
