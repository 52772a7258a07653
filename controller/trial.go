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

// tryer finds out what becomes of modules in a trial. What it finds is advice: it changes nothing that runs.
type tryer struct {
	trials  Trials // nil for none
	enqueue func(types.NamespacedName)

	mu      sync.Mutex
	waiting map[types.NamespacedName]*trial.Task // whose end enqueues the AutoWasm
}

func newTryer(trials Trials, enqueue func(types.NamespacedName)) *tryer {
	return &tryer{trials: trials, enqueue: enqueue, waiting: map[types.NamespacedName]*trial.Task{}}
}

// tried returns ModuleTried of aw with a module, nil while it is not known. The end of a trial enqueues aw; due says that
// none could begin.
func (t *tryer) tried(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus) (c *metav1.Condition, due bool) {
	if t.trials == nil || m == nil {
		return nil, false
	}
	if before := knownOf(aw, m, v1alpha1.ConditionModuleTried); before != nil {
		return before, false
	}
	settings, err := render.SettingsOf(aw, m.SHA256)
	if err != nil {
		return nil, false // nor is there an EnvoyFilter, which says so
	}
	task := t.trials.Begin(trial.Request{Namespace: aw.Namespace, SHA256: m.SHA256, Size: m.Size, Settings: settings})
	if task == nil {
		return nil, true
	}
	select {
	case <-task.Done():
		c := task.Result().Condition()
		return &c, false
	default:
		t.await(client.ObjectKeyFromObject(aw), task)
		return nil, false
	}
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

// retrying has result come to a trial that could not begin, unless something else comes before.
func retrying(result reconcile.Result, due bool) reconcile.Result {
	if due && result.RequeueAfter == 0 {
		result.RequeueAfter = wait.Jitter(trialRetry, 4)
	}
	return result
}
