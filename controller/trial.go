// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/trial"
)

// trialRetry is the least time until a trial is asked for again that could not begin, since too many others waited. A
// server that starts with thousands of AutoWasms that no other has tried spreads them over some minutes.
const trialRetry = time.Minute

// attempt is what a reconcile knows of a trial.
type attempt struct {
	// condition is ModuleTried, nil while it is not known.
	condition *metav1.Condition
	// retrying says that the module is being tried once more.
	retrying bool
	// again is when to ask again, unless something else comes before; 0 for never.
	again time.Duration
}

// tryer finds out what becomes of modules in a trial. What it finds is advice: it changes nothing that runs.
type tryer struct {
	trials  Trials // nil for none
	enqueue func(types.NamespacedName)
	retries *trialRetries

	mu      sync.Mutex
	waiting map[types.NamespacedName]*trial.Task // whose end enqueues the AutoWasm
}

func newTryer(trials Trials, enqueue func(types.NamespacedName), now func() time.Time) *tryer {
	return &tryer{trials: trials, enqueue: enqueue, retries: newTrialRetries(now), waiting: map[types.NamespacedName]*trial.Task{}}
}

// try has the module of aw tried, unless the status says what came of that. A trial that came to no end is repeated: what ends
// one may pass, such as a busy node.
func (t *tryer) try(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus) attempt {
	if t.trials == nil || m == nil {
		return attempt{}
	}
	before, requested := knownOf(aw, m, v1alpha1.ConditionModuleTried), false
	switch {
	case before == nil:
	case before.Reason != string(v1alpha1.ReasonTrialEnded):
		t.retries.forget(client.ObjectKeyFromObject(aw))
		return attempt{condition: before}
	default:
		due := false
		if due, requested = t.retries.due(aw); !due {
			return attempt{condition: before, again: t.retries.after(aw)}
		}
	}
	return t.begin(aw, m, before, requested)
}

// begin makes a trial, or goes on with it, of which before is known. The end of one enqueues aw.
func (t *tryer) begin(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus, before *metav1.Condition, requested bool) attempt {
	settings, err := render.SettingsOf(aw, m.SHA256)
	if err != nil {
		return attempt{} // nor is there an EnvoyFilter, which says so
	}
	task := t.trials.Begin(trial.Request{Namespace: aw.Namespace, SHA256: m.SHA256, Size: m.Size, Settings: settings, Again: requested})
	if task == nil {
		return attempt{condition: before, again: wait.Jitter(trialRetry, 4)}
	}
	select {
	case <-task.Done():
		return t.end(aw, task.Result())
	default:
		t.await(client.ObjectKeyFromObject(aw), task)
		return attempt{condition: before, retrying: before != nil}
	}
}

// end is what came of a trial.
func (t *tryer) end(aw *v1alpha1.AutoWasm, result trial.Result) attempt {
	c := result.Condition()
	if result.Reason != v1alpha1.ReasonTrialEnded {
		return attempt{condition: &c}
	}
	t.retries.ended(aw)
	return attempt{condition: &c, again: t.retries.after(aw)}
}

// await has the end of a task enqueue key, once.
func (t *tryer) await(key types.NamespacedName, task *trial.Task) {
	t.mu.Lock()
	known := t.waiting[key] == task
	t.waiting[key] = task
	t.mu.Unlock()
	if known {
		return
	}
	task.AfterDone(func() {
		t.forget(key, task)
		t.enqueue(key)
	})
}

func (t *tryer) forget(key types.NamespacedName, task *trial.Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting[key] == task {
		delete(t.waiting, key)
	}
}

// sooner has result come after some time at the latest, 0 for none.
func sooner(result reconcile.Result, after time.Duration) reconcile.Result {
	if after > 0 && (result.RequeueAfter == 0 || after < result.RequeueAfter) {
		result.RequeueAfter = after
	}
	return result
}
