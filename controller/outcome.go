// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

// errStale says that what was decided rests on an outdated read. It is not reported: the reconcile is repeated soon.
var errStale = errors.New("the cluster has moved on since it was read")

// errLeaving says that the AutoWasm or its namespace is going away: nothing is left to do.
var errLeaving = errors.New("the AutoWasm is going away")

// stage is a step on the way from a spec to an EnvoyFilter. An outcome that failed at one has passed those before it.
type stage int

const (
	stageSpec stage = iota
	stageSource
	stageModule
	stageEnvoyFilter
	stageProxies
	stageDone
)

// outcome is what one reconcile found out and did.
type outcome struct {
	// stage at which it ended; stageDone without a failure.
	stage stage
	// failure that ended it, nil at stageDone.
	failure *failure.Error
	// pinned is the sha256 that the source is pinned to, "" before stageModule.
	pinned string
	// module that the source resolved to, nil while it is not in the store.
	module *v1alpha1.ModuleStatus
	// missingSecret is the pull secret without which the module cannot be fetched again, "" when it exists.
	missingSecret string
	// configValid is what the schema in the module says of the configuration, nil without one.
	configValid *metav1.Condition
	// trial is what has become of the module in one.
	trial attempt
	// preflight is what was found in the cluster that keeps the filter from running, nil when that is not known.
	preflight *metav1.Condition
	// envoyFilter is ours as it is in the cluster now, nil when there is none.
	envoyFilter *v1alpha1.EnvoyFilterStatus
	// renderedFor is the generation that envoyFilter was rendered for, 0 when it does not say.
	renderedFor int64
	// proxies is what the selected proxies run, nil when they are not observed.
	proxies *proxies.Snapshot
	// policy is that of the filter.
	policy v1alpha1.FailurePolicy
	// unobserved says that they have not been scraped yet for what is in the cluster now.
	unobserved bool
}

// found notes ef as what the cluster has for aw, if it is ours. One that was staged for another spec is to be swept.
func (o outcome) found(ef *unstructured.Unstructured, aw *v1alpha1.AutoWasm) outcome {
	if ours(ef, aw) && !stagedForAnother(ef, aw) {
		return o.has(ef)
	}
	return o
}

// has notes our ef as what the cluster has.
func (o outcome) has(ef *unstructured.Unstructured) outcome {
	o.envoyFilter = &v1alpha1.EnvoyFilterStatus{Name: ef.GetName(), Generation: ef.GetGeneration()}
	o.renderedFor = render.ProvenanceOf(ef).Generation
	return o
}

// done ends o well.
func (o outcome) done() outcome {
	o.stage = stageDone
	return o
}

// observed ends o by what the proxies run, or ran before: a proxy that starts does not end Ready.
func (o outcome) observed(s proxies.Snapshot, known bool, aw *v1alpha1.AutoWasm) outcome {
	o.proxies, o.unobserved, o.policy = &s, !known, aw.Spec.Filter.FailurePolicy
	if !known {
		return o.failed(stageProxies, failure.Transientf(v1alpha1.ReasonProxiesLoading, "the selected proxies are being asked whether they run the module"))
	}
	if f := s.Failure(aw.IsConditionTrue(v1alpha1.ConditionReady)); f != nil {
		return o.failed(stageProxies, f)
	}
	return o.done()
}

// failed ends o at a stage.
func (o outcome) failed(s stage, err error) outcome {
	o.stage, o.failure = s, failure.Of(err)
	return o
}
