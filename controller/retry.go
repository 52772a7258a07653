// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// When a failure is tried again. Delays get up to a fifth more: what failed together is not retried together.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// terminalRetry is for what only a user can help: no event says that an image was pushed.
	terminalRetry = 5 * time.Minute
	// foreignRetry is for an EnvoyFilter in the way: a cache that holds only ours does not show that it is gone.
	foreignRetry = 30 * time.Second
	retryJitter  = 0.2
)

// retries counts the failed attempts for each object. It holds an entry only for objects that are failing.
type retries struct {
	limiter workqueue.TypedRateLimiter[types.NamespacedName]
}

func newRetries() retries {
	return retries{workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, lastRetry)}
}

// after says when key is tried again after f. The delay doubles up to lastRetry, is never shorter than the source
// asked for, and never ends.
func (r retries) after(key types.NamespacedName, f *failure.Error) reconcile.Result {
	delay := terminalRetry
	switch {
	case f.Reason == v1alpha1.ReasonForeignEnvoyFilter:
		delay = foreignRetry
	case !f.Terminal:
		delay = max(r.limiter.When(key), f.RetryAfter)
	}
	return reconcile.Result{RequeueAfter: wait.Jitter(delay, retryJitter)}
}

// soon is when key is reconciled again after an outdated read.
func (r retries) soon(key types.NamespacedName) reconcile.Result {
	return reconcile.Result{RequeueAfter: wait.Jitter(r.limiter.When(key), retryJitter)}
}

// forget resets key, which has succeeded or is gone.
func (r retries) forget(key types.NamespacedName) { r.limiter.Forget(key) }
