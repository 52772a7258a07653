// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/trial"
)

// Trials tries modules. A *trial.Trials is one.
type Trials interface {
	// Begin returns the task of a trial, which goes on without the caller; nil while too many others wait.
	Begin(trial.Request) *trial.Task
}

// trialTimeout is how long an admission waits for a trial, if the source has left that much: the largest modules take 2.5 s
// when nothing else runs.
const trialTimeout = 5 * time.Second

// untried is why an admission goes without what a trial says of the module, as the metrics have it.
type untried string

const (
	// untriedFull is that too many others wait.
	untriedFull untried = "Full"
	// untriedLate is that it does not end in time.
	untriedLate untried = "Late"
	// untriedEnded is that it came to no end.
	untriedEnded untried = "Ended"
	// untriedNone is that none are made, although the mode is not Off.
	untriedNone untried = "NoTrials"
)

// trialCheck tries a module as the object configures it.
type trialCheck struct {
	trials  Trials
	mode    SourceCheck
	untried *prometheus.CounterVec // by reason
}

// try denies a module that no proxy can run so. What depends on the proxy, and a trial that comes to no end in time, is no
// reason against it.
func (c trialCheck) try(ctx context.Context, r request, m fetch.Module, resp *response) {
	if c.mode == Off {
		return
	}
	if c.trials == nil {
		c.count(untriedNone)
		return
	}
	settings, err := render.SettingsOf(r.aw, m.SHA256)
	if err != nil {
		return // so does the EnvoyFilter, which denies
	}
	task := c.trials.Begin(trial.Request{Namespace: r.aw.Namespace, SHA256: m.SHA256, Size: m.Size, Settings: settings})
	result, ok := wait(ctx, task)
	if why := whyUntried(task, result, ok); why != "" {
		c.count(why)
	}
	if !ok {
		resp.annotate(auditTrial, string(v1alpha1.ReasonPending))
		resp.warn("the module was not tried in time; the condition ModuleTried will say whether it works")
		return
	}
	resp.annotate(auditTrial, string(result.Reason))
	ctrl.LoggerFrom(ctx).V(1).Info("Tried the module at admission", "reason", result.Reason, "result", result.Message)
	c.judge(r, result, resp)
}

func (c trialCheck) count(why untried) { c.untried.WithLabelValues(string(why)).Inc() }

// whyUntried returns "" if a trial has said something of the module.
func whyUntried(task *trial.Task, result trial.Result, inTime bool) untried {
	switch {
	case task == nil:
		return untriedFull
	case !inTime:
		return untriedLate
	case result.Reason == v1alpha1.ReasonTrialEnded:
		return untriedEnded
	}
	return ""
}

// wait returns the outcome of a trial, false if it does not come in time.
func wait(ctx context.Context, task *trial.Task) (trial.Result, bool) {
	if task == nil {
		return trial.Result{}, false
	}
	select {
	case <-task.Done(): // it was tried before
		return task.Result(), true
	default:
	}
	ctx, cancel := withBudget(ctx, trialTimeout)
	defer cancel()
	return task.Wait(ctx)
}

// judge warns of what is no verdict, and of a filter that may not be there.
func (c trialCheck) judge(r request, result trial.Result, resp *response) {
	switch result.Verdict() {
	case trial.Passed:
		if result.Idle {
			resp.warn("spec.filter.rootID: the module may have no filter of that name: it did nothing with a request when it was tried")
		}
		if result.Broken {
			resp.warn("the module was tried: %s", redact(result.Message, r.aw.Spec.Filter.Source))
		}
	case trial.Undecided:
		if result.Callback != "" || result.Reason == v1alpha1.ReasonTrialEnded {
			resp.warn("the module was tried without a verdict: %s", redact(result.String(), r.aw.Spec.Filter.Source))
		}
	case trial.Refused:
		c.refuse(r, result, resp)
	}
}

// refuse denies only what this request is answerable for, as sourceCheck does.
func (c trialCheck) refuse(r request, result trial.Result, resp *response) {
	path, value, remedy := blamedOfTrial(result, &r.aw.Spec)
	words := redact(result.String(), r.aw.Spec.Filter.Source)
	if c.mode == Warn || r.sameTrial() {
		resp.warn("%s: %s", path, words)
		return
	}
	resp.deny(field.Invalid(path, value, detail("the module was tried, and fails: "+words)+"; "+remedy))
}

// sameTrial reports whether an update leaves all alone that a trial depends on.
func (r request) sameTrial() bool {
	if !r.sameSource() {
		return false
	}
	before, after := r.old.Spec.Filter, r.aw.Spec.Filter
	return before.RootID == after.RootID && before.VMID == after.VMID && before.AllowPrecompiled == after.AllowPrecompiled &&
		equality.Semantic.DeepEqual(before.Config, after.Config) && equality.Semantic.DeepEqual(before.Env, after.Env)
}

// blamedOfTrial is Blamed of the result, with the field of the source that names the module.
func blamedOfTrial(result trial.Result, spec *v1alpha1.AutoWasmSpec) (path *field.Path, value any, remedy string) {
	path, value, remedy = result.Blamed(spec)
	if value == nil {
		path, value = blamed(v1alpha1.ReasonNotProxyWasm, spec)
	}
	return path, value, remedy
}
