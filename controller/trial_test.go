// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"testing/synctest"
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
	synctest.Test(t, func(t *testing.T) {
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
	})
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

var comesToNoEnd = trial.Result{Reason: v1alpha1.ReasonTrialEnded, Message: "it took longer"}

// clock has the harness go by a time that the test sets.
func (h *harness) clock() *time.Time {
	now := testTime
	h.options.Now = func() time.Time { return now }
	return &now
}

// request asks for aw to be reconciled now.
func request(value string) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Generation-- // an annotation changes none
		aw.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: value}
	}
}

// TestATrialWithoutEndIsRepeated, later each time and not for ever, also of an AutoWasm of which only the status tells, until one
// has an end.
func TestATrialWithoutEndIsRepeated(t *testing.T) {
	for name, restarts := range map[string]bool{"by the server that made it": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			h, trials := newHarness(t, autoWasm()), &stubTrials{task: trial.EndedTask(comesToNoEnd)}
			now := h.clock()
			h.tryModules(trials)
			result := h.mustReconcile()
			if restarts {
				h.start()
				result = h.mustReconcile()
			}
			for n := range maxTrialRetries {
				least := firstTrialRetry << n
				if result.RequeueAfter < least || result.RequeueAfter > 2*least {
					t.Fatalf("repeated for the %d. time after %s, want %s at least", n+1, result.RequeueAfter, least)
				}
				*now = now.Add(result.RequeueAfter - time.Second)
				h.mustReconcile()
				if len(trials.begun) != n+1 {
					t.Fatalf("%d trials a second before the %d. is repeated", len(trials.begun), n+1)
				}
				*now = now.Add(time.Second)
				result = h.mustReconcile()
			}
			*now = now.Add(24 * time.Hour)
			if h.mustReconcile(); len(trials.begun) != maxTrialRetries+1 || result.RequeueAfter != 0 {
				t.Errorf("%d trials, and another after %s", len(trials.begun), result.RequeueAfter)
			}
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")
			trials.task = trial.EndedTask(refuses)
			h.edit()
			if result := h.mustReconcile(); triedOf(h.autoWasm()).Reason != string(refuses.Reason) || result.RequeueAfter != 0 {
				t.Errorf("after an edit %+v, again after %s", triedOf(h.autoWasm()), result.RequeueAfter)
			}
			h.mustReconcile()
			if entries := h.reconciler.tryer.retries.entries; len(entries) > 0 {
				t.Errorf("after an end it is still to be repeated: %v", entries)
			}
		})
	}
}

// TestATrialWithoutEndIsRepeatedOnRequest at once, once for each. The request is answered when that has ended, and the status says
// what it said until then.
func TestATrialWithoutEndIsRepeatedOnRequest(t *testing.T) {
	for name, result := range map[string]trial.Result{"passes": {Reason: v1alpha1.ReasonTrialPassed}, "comes to no end again": comesToNoEnd} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, trials := newHarness(t, autoWasm()), &stubTrials{task: trial.EndedTask(comesToNoEnd)}
				h.tryModules(trials)
				h.mustReconcile()
				h.edit(request("now"))
				trials.task = trial.TaskAfter(50*time.Millisecond, result)
				h.mustReconcile()
				h.mustReconcile()
				if aw := h.autoWasm(); triedOf(aw).Reason != string(v1alpha1.ReasonTrialEnded) || aw.Status.LastHandledReconcileAt != "" {
					t.Errorf("before its end %+v, answered %q", triedOf(aw), aw.Status.LastHandledReconcileAt)
				}
				<-trials.task.Done()
				h.mustReconcile()
				if aw := h.autoWasm(); triedOf(aw).Reason != string(result.Reason) || aw.Status.LastHandledReconcileAt != "now" {
					t.Errorf("after it %+v, answered %q", triedOf(aw), aw.Status.LastHandledReconcileAt)
				}
				before := len(trials.begun)
				h.mustReconcile()
				var again []bool
				for _, r := range trials.begun {
					again = append(again, r.Again)
				}
				if diff := cmp.Diff([]bool{false, true, false, false}, again); diff != "" || before != len(trials.begun) {
					t.Errorf("trials that are made although one was a moment ago (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestRepeatedTrialsAreForgotten with their AutoWasm, and wait while too many others do.
func TestRepeatedTrialsAreForgotten(t *testing.T) {
	h, trials := newHarness(t, autoWasm()), &stubTrials{task: trial.EndedTask(comesToNoEnd)}
	h.tryModules(trials)
	h.mustReconcile()
	h.edit(request("now"))
	trials.task = nil
	result := h.mustReconcile()
	if c := triedOf(h.autoWasm()); c == nil || c.Reason != string(v1alpha1.ReasonTrialEnded) || result.RequeueAfter < trialRetry {
		t.Errorf("%+v, again after %s", c, result.RequeueAfter)
	}
	if err := h.client.Delete(t.Context(), h.autoWasm()); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	if entries := h.reconciler.tryer.retries.entries; len(entries) > 0 {
		t.Errorf("kept: %v", entries)
	}
}
