// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const (
	// firstTrialRetry is the least time until a module is tried again whose trial came to no end: longer than such a result
	// is kept. Each further one comes after twice the time.
	firstTrialRetry = 2 * time.Minute
	// maxTrialRetries is how often that is, of one spec and without a request: the last is after two to four hours. What
	// comes to no end by its own nature, such as a configuration that takes too long, is not tried for ever.
	maxTrialRetries = 6
)

// trialRetries knows when modules are tried again whose trials came to no end. It has an entry only for such AutoWasms.
type trialRetries struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[types.NamespacedName]*trialSchedule
}

// trialSchedule is that of one AutoWasm.
type trialSchedule struct {
	generation int64
	made       int
	at         time.Time // when the next is due, zero for never; that of one that is made is over
	request    string    // to reconcile now, for which one was made
}

func newTrialRetries(now func() time.Time) *trialRetries {
	return &trialRetries{now: now, entries: map[types.NamespacedName]*trialSchedule{}}
}

// due reports whether to try the module of aw again, or go on with that; requested says that it is to be tried whatever came of
// it a moment ago.
func (t *trialRetries) due(aw *v1alpha1.AutoWasm) (due, requested bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.of(aw)
	if request, open := openRequest(aw); open && request != r.request {
		r.request, r.made, r.at = request, 0, t.now()
		return true, true
	}
	return !r.at.IsZero() && !t.now().Before(r.at), false
}

// ended notes that another trial of aw came to no end.
func (t *trialRetries) ended(aw *v1alpha1.AutoWasm) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.of(aw)
	if !r.at.After(t.now()) { // else it was the first
		r.made++
		t.schedule(r)
	}
}

// after is how long it is until the next, 0 for never.
func (t *trialRetries) after(aw *v1alpha1.AutoWasm) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.of(aw); !r.at.IsZero() {
		return max(1, r.at.Sub(t.now()))
	}
	return 0
}

func (t *trialRetries) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.entries, key)
}

// of returns the entry of aw. One of another spec begins anew, and so does one of which only the status tells. The caller holds
// t.mu.
func (t *trialRetries) of(aw *v1alpha1.AutoWasm) *trialSchedule {
	key := client.ObjectKeyFromObject(aw)
	r := t.entries[key]
	if r == nil || r.generation != aw.Generation {
		r = &trialSchedule{generation: aw.Generation}
		t.schedule(r)
		t.entries[key] = r
	}
	return r
}

// schedule sets when r is due. Each delay gets up to as much more: those of a server that starts do not come together.
func (t *trialRetries) schedule(r *trialSchedule) {
	r.at = time.Time{}
	if r.made < maxTrialRetries {
		r.at = t.now().Add(wait.Jitter(firstTrialRetry<<r.made, 1))
	}
}
