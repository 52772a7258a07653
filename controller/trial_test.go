// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/trial"
)

// stubTrials answers with a task, and keeps what was to be tried.
type stubTrials struct {
	task  *trial.Task
	begun []trial.Request
}

func (s *stubTrials) Begin(r trial.Request) *trial.Task {
	s.begun = append(s.begun, r)
	return s.task
}

// tryModules has the harness try modules.
func (h *harness) tryModules(trials Trials) {
	h.options.Trials = trials
	h.start()
}

func triedOf(aw *v1alpha1.AutoWasm) *metav1.Condition {
	return meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionModuleTried)
}

// triedAs is the condition of a result.
func triedAs(status metav1.ConditionStatus, reason v1alpha1.Reason, message string, generation int64) *metav1.Condition {
	return &metav1.Condition{
		Type: v1alpha1.ConditionModuleTried, Status: status, Reason: string(reason), Message: message,
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(testTime),
	}
}

var refuses = trial.Result{Reason: v1alpha1.ReasonStartRefused, Message: "it returned false", Log: []string{"why"}}

// TestModuleTried: what becomes of a module in a trial is in the status, and changes nothing else. It is tried once for a
// generation, also after a restart of the server.
func TestModuleTried(t *testing.T) {
	for name, tt := range map[string]struct {
		result trial.Result
		want   *metav1.Condition
	}{
		"passes":  {trial.Result{Reason: v1alpha1.ReasonTrialPassed, Message: "it starts", Log: []string{"slowly"}}, triedAs("True", v1alpha1.ReasonTrialPassed, "it starts", 1)},
		"fails":   {refuses, triedAs("False", v1alpha1.ReasonStartRefused, `it returned false; it logged "why"`, 1)},
		"depends": {trial.Result{Reason: v1alpha1.ReasonDependsOnProxy, Message: "m"}, triedAs("Unknown", v1alpha1.ReasonDependsOnProxy, "m", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			h, trials := newHarness(t, autoWasm()), &stubTrials{task: trial.EndedTask(tt.result)}
			h.tryModules(trials)
			h.mustReconcile()
			if diff := cmp.Diff(tt.want, triedOf(h.autoWasm())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")
			h.forgetWrites()
			h.start()
			h.mustReconcile()
			if len(trials.begun) != 1 || len(h.writes) > 0 {
				t.Errorf("%d trials; writes %v", len(trials.begun), h.writes)
			}
			h.edit(generation(2))
			h.mustReconcile()
			if c := triedOf(h.autoWasm()); len(trials.begun) != 2 || c.ObservedGeneration != 2 {
				t.Errorf("after an edit %d trials, %+v", len(trials.begun), c)
			}
		})
	}
}

// TestATrialIsNotWaitedFor: the EnvoyFilter does not wait for it, and its end has the AutoWasm reconciled, once.
func TestATrialIsNotWaitedFor(t *testing.T) {
	h := newHarness(t, autoWasm())
	enqueued := make(chan struct{}, 9)
	h.tryModules(&stubTrials{task: trial.TaskAfter(50*time.Millisecond, refuses)})
	h.reconciler.tryer.enqueue = func(key types.NamespacedName) { enqueued <- struct{}{} }
	h.mustReconcile()
	h.mustReconcile()
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	if c := triedOf(h.autoWasm()); c != nil {
		t.Errorf("before the end of the trial: %+v", c)
	}
	<-enqueued
	h.mustReconcile()
	if c := triedOf(h.autoWasm()); c == nil || c.Status != metav1.ConditionFalse {
		t.Errorf("after it: %+v", c)
	}
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	if len(enqueued) > 0 || len(h.reconciler.tryer.waiting) > 0 {
		t.Errorf("enqueued %d times more; still waiting: %v", len(enqueued), h.reconciler.tryer.waiting)
	}
}

// TestTooManyTrials: what could not be tried is, later.
func TestTooManyTrials(t *testing.T) {
	h, trials := newHarness(t, autoWasm()), &stubTrials{}
	h.tryModules(trials)
	if result := h.mustReconcile(); result.RequeueAfter < trialRetry || result.RequeueAfter > 5*trialRetry {
		t.Errorf("reconciled again after %s", result.RequeueAfter)
	}
	trials.task = trial.EndedTask(refuses)
	if result := h.mustReconcile(); result.RequeueAfter != 0 || triedOf(h.autoWasm()) == nil {
		t.Errorf("%+v, %+v", result, triedOf(h.autoWasm()))
	}
}
