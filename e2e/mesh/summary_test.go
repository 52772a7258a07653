// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// summary is what a status says of the proxies, in short. A condition is its status and its reason, "True Synced", or ""
// where there is none.
type summary struct {
	Phase                               v1alpha1.Phase
	Ready, Loaded, Stalled, Reconciling string
	Selected, Running                   int32
}

// The conditions on which tests depend beside those of failures.
var (
	isSynced  = word(metav1.ConditionTrue, v1alpha1.ReasonSynced)             // Ready
	isRunning = word(metav1.ConditionTrue, v1alpha1.ReasonRunning)            // ProxiesLoaded
	noProxies = word(metav1.ConditionUnknown, v1alpha1.ReasonNoProxySelected) // ProxiesLoaded
)

// word is a condition in short.
func word(is metav1.ConditionStatus, reason v1alpha1.Reason) string {
	return fmt.Sprintf("%s %s", is, reason)
}

// running is the summary when all is well in so many proxies.
func running(n int32) summary {
	return summary{Phase: v1alpha1.PhaseSynced, Ready: isSynced, Loaded: isRunning, Selected: n, Running: n}
}

// failed is the summary when the filter runs in none of one proxy, for a reason that only a user can take away.
func failed(reason v1alpha1.Reason) summary {
	is := word(metav1.ConditionFalse, reason)
	return summary{Phase: v1alpha1.PhaseFailed, Ready: is, Loaded: is, Stalled: word(metav1.ConditionTrue, reason), Selected: 1}
}

// pending is the summary when the filter runs in none of one proxy, which may pass: with that status of Ready.
func pending(ready metav1.ConditionStatus, reason v1alpha1.Reason) summary {
	is := word(ready, reason)
	return summary{Phase: v1alpha1.PhasePending, Ready: is, Loaded: is, Reconciling: word(metav1.ConditionTrue, reason), Selected: 1}
}

// summaryOf is that of an AutoWasm, without conditions that are not of its newest generation.
func summaryOf(aw *v1alpha1.AutoWasm) summary {
	s := summary{Phase: aw.Status.Phase}
	fields := map[string]*string{
		v1alpha1.ConditionReady: &s.Ready, v1alpha1.ConditionProxiesLoaded: &s.Loaded,
		v1alpha1.ConditionStalled: &s.Stalled, v1alpha1.ConditionReconciling: &s.Reconciling,
	}
	for _, c := range aw.Status.Conditions {
		if field := fields[c.Type]; field != nil && c.ObservedGeneration == aw.Generation {
			*field = word(c.Status, v1alpha1.Reason(c.Reason))
		}
	}
	if p := aw.Status.Proxies; p != nil {
		s.Selected, s.Running = p.Selected, p.Running
	}
	return s
}

// summarized is passed with a summary.
func summarized(want summary) suite.Check {
	return func(aw *v1alpha1.AutoWasm) error {
		if diff := cmp.Diff(want, summaryOf(aw)); diff != "" {
			return fmt.Errorf("the summary of its status (-want +got):\n%s", diff)
		}
		return nil
	}
}

// saysReady is true of a status that says that the newest generation runs in the proxies.
func saysReady(aw *v1alpha1.AutoWasm) bool {
	return aw.Status.ObservedGeneration == aw.Generation && summaryOf(aw).Ready == isSynced
}

// isReady is passed when the newest generation runs in the proxies.
func isReady(aw *v1alpha1.AutoWasm) error {
	if !saysReady(aw) {
		return errors.New("it is not ready")
	}
	return nil
}

// waitSummary waits until the status has a summary, in these words. Where that is not success, the status never says
// before that it is.
func waitSummary(t *testing.T, a autoWasm, want summary, words ...string) *v1alpha1.AutoWasm {
	t.Helper()
	neverReady := func(aw *v1alpha1.AutoWasm) error {
		if want.Ready != isSynced && saysReady(aw) {
			t.Fatalf("%s is ready: %s", a.name, aw.Status.Message)
		}
		return nil
	}
	return cluster.WaitFor(t, a.space(), a.name, neverReady, summarized(want), suite.Message(words...))
}

// requireTruth waits until the status says that the proxies run an AutoWasm and requires that they give an answer from that
// very moment, on each of their threads.
func requireTruth(t *testing.T, a autoWasm, url, want string) *v1alpha1.AutoWasm {
	t.Helper()
	began := time.Now()
	aw := cluster.WaitFor(t, a.space(), a.name, isReady)
	for range 5 * proxyThreads {
		requireAnswer(t, url, want)
	}
	t.Logf("%s is ready with %q after %s", a.name, want, time.Since(began).Round(time.Millisecond))
	return aw
}
