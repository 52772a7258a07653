// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxNamed bounds how many proxies in one state a message names.
	maxNamed = 3
	// maxListed bounds how many proxies the status lists.
	maxListed = 10
)

// Snapshot is what all proxies of an AutoWasm have made of its EnvoyFilter. It is not changed once it is handed out.
type Snapshot struct {
	// Selected, Running and Requested count all proxies, those that run the filter, and those that have requested the
	// module within the last day.
	Selected, Running, Requested int32
	// LastRequest is when one last did, zero when none has.
	LastRequest time.Time

	// trapped counts the proxies in which the filter has trapped lately, trap describes the first.
	trapped int32
	trap    string
	// restarted counts those that have restarted soon after the filter changed, restart describes the first.
	restarted int32
	restart   string
	// states counts the proxies that do not run the filter, or on which it traps, by what has become of it.
	states map[State]int32
	// details describe the first of them.
	details []detail
}

// detail describes one proxy.
type detail struct {
	state State
	pod   types.NamespacedName
	// why is a predicate of the proxy.
	why string
}

func (d detail) String() string { return fmt.Sprintf("the proxy of Pod %s %s", d.pod, d.why) }

// add counts one proxy in.
func (s *Snapshot) add(p proxy, state State, why string) {
	s.Selected++
	if state == Running || state == Trapping {
		s.Running++
	}
	if state == Running {
		return
	}
	if s.states == nil {
		s.states = map[State]int32{}
	}
	s.states[state]++
	if s.states[state] <= maxListed {
		s.details = append(s.details, detail{state, p.pod, why})
	}
}

// addTraps counts one proxy in on which the filter has trapped.
func (s *Snapshot) addTraps(p proxy, t traps, now time.Time) {
	if !t.recent(now) {
		return
	}
	if s.trapped++; s.trapped == 1 {
		s.trap = fmt.Sprintf("the filter trapped %s in the proxy of Pod %s", t, p.pod)
	}
}

// addRestart counts one proxy in that has restarted since the filter changed at a time.
func (s *Snapshot) addRestart(p proxy, r restart, changed time.Time) {
	if r.former {
		return
	}
	if s.restarted++; s.restarted == 1 {
		s.restart = fmt.Sprintf("the proxy of Pod %s restarted %s%s", p.pod, r.after(changed), r.howInParentheses())
	}
}

// addRequest counts one proxy in that has requested the module.
func (s *Snapshot) addRequest(at time.Time) {
	s.Requested++
	if at.After(s.LastRequest) {
		s.LastRequest = at
	}
}

// Status is nil when no proxy is selected.
func (s Snapshot) Status() *v1alpha1.ProxiesStatus {
	if s.Selected == 0 {
		return nil
	}
	out := &v1alpha1.ProxiesStatus{Selected: s.Selected, Running: s.Running, Trapped: s.trapped, Restarted: s.restarted, Requested: s.Requested}
	if !s.LastRequest.IsZero() {
		out.LastRequestTime = &metav1.Time{Time: s.LastRequest.Truncate(time.Second)}
	}
	out.NotRunning = s.worst()
	return out
}

// worst lists the proxies that are worst off. Since when they are, whoever writes the status knows from the one before.
func (s Snapshot) worst() []v1alpha1.ProxyStatus {
	var listed []v1alpha1.ProxyStatus
	for _, severity := range severities {
		for _, d := range s.details {
			if d.state == severity.state && len(listed) < maxListed {
				listed = append(listed, v1alpha1.ProxyStatus{Namespace: d.pod.Namespace, Pod: d.pod.Name, State: string(d.state), Message: d.why})
			}
		}
	}
	return listed
}

// severities list the states that matter, the worst first, and whether only a user can help.
var severities = []struct {
	state    State
	reason   v1alpha1.Reason
	terminal bool
	remedy   string
}{
	{CrashLooping, v1alpha1.ReasonProxyRestarted, true, restartRemedy},
	{Restarting, v1alpha1.ReasonProxyRestarted, false, restartRemedy},
	{StartFailed, v1alpha1.ReasonProxyStartFailed, true, ""},
	{Rejected, v1alpha1.ReasonProxyRefused, true, ""},
	{Trapping, v1alpha1.ReasonFilterTraps, true, trapRemedy},
	{LoadFailed, v1alpha1.ReasonProxyLoadFailed, false, ""},
	{LoadFailing, v1alpha1.ReasonProxyLoadFailed, false, ""},
	{NotInserted, v1alpha1.ReasonNotInserted, true, ""},
	{Loading, v1alpha1.ReasonProxiesLoading, false, ""},
	{Unknown, v1alpha1.ReasonProxiesUncertain, false, "; let wasmer reach port 15090 of these Pods, or run it with --proxy-check-interval=0 to do without"},
}

// Failure returns why the AutoWasm is not what its user asked for, nil when it is as far as the proxies show. Proxies
// without a listener for the filter are fine beside others; so are those that start beside some that run it, once all
// did (wasReady), and those of which nothing is known beside some that run it.
func (s Snapshot) Failure(wasReady bool) *failure.Error {
	for _, severity := range severities {
		n := s.states[severity.state]
		switch {
		case n == 0,
			severity.state == NotInserted && n < s.Selected,
			severity.state == Loading && wasReady && s.Running > 0,
			severity.state == Unknown && s.Running > 0:
			continue
		}
		return &failure.Error{Reason: severity.reason, Terminal: severity.terminal, Err: errors.New(s.Summary() + s.describe(severity.state) + severity.remedy)}
	}
	return nil
}

// restartRemedy is what to do about a proxy that does not stay up.
const restartRemedy = "; see kubectl logs --previous -c istio-proxy of the Pod, and delete the AutoWasm if its filter is the cause"

// Restarts describes the proxies that restarted soon after the filter changed, "" when there are none.
func (s Snapshot) Restarts() string {
	if s.restarted > 1 {
		return fmt.Sprintf("%s; and so did %d more", s.restart, s.restarted-1)
	}
	return s.restart
}

// trapRemedy is what to do about a filter that traps.
const trapRemedy = "; each such request is answered 503, and the proxy's log says under wasm where it trapped: repair the module"

// RequestsPass returns the condition of that type, without its generation and times, for a filter of that policy.
func (s Snapshot) RequestsPass(policy v1alpha1.FailurePolicy) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionRequestsPass, Status: metav1.ConditionUnknown}
	switch {
	case policy == v1alpha1.FailClosed || policy == v1alpha1.FailOpen:
		c.Reason, c.Message = string(v1alpha1.ReasonTrapsUnseen), "Envoy counts no traps of a filter with failurePolicy "+string(policy)+": FailReload, the default, has it"
	case s.trapped > 0:
		c.Status, c.Reason = metav1.ConditionFalse, string(v1alpha1.ReasonFilterTraps)
		c.Message = fmt.Sprintf("in %d of %d selected proxies the filter has trapped within ten minutes; %s%s", s.trapped, s.Selected, s.trap, trapRemedy)
	case s.Running == 0:
		c.Reason, c.Message = string(v1alpha1.ReasonWaiting), "no proxy is known to run the filter"
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, string(v1alpha1.ReasonNoTraps), "the filter has not trapped on a request within ten minutes"
	}
	return c
}

// Condition returns ProxiesLoaded when nothing has failed, without its generation and times.
func (s Snapshot) Condition() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionProxiesLoaded, Status: metav1.ConditionUnknown}
	switch {
	case s.Selected == 0:
		c.Reason, c.Message = string(v1alpha1.ReasonNoProxySelected), "no running proxy is selected"
	case s.states[Unknown] > 0:
		c.Reason, c.Message = string(v1alpha1.ReasonProxiesUncertain), s.Summary()+s.describe(Unknown)
	default:
		c.Status, c.Reason = metav1.ConditionTrue, string(v1alpha1.ReasonRunning)
		c.Message = s.Summary() + s.describe(Loading) + s.describe(NotInserted) + s.noteRestarts()
	}
	return c
}

// Summary says how many of the proxies run the module.
func (s Snapshot) Summary() string {
	return fmt.Sprintf("%d of %d selected proxies run the module", s.Running, s.Selected)
}

// noteRestarts is for the end of a message.
func (s Snapshot) noteRestarts() string {
	if s.restarted == 0 {
		return ""
	}
	return "; " + s.Restarts()
}

// describe says what is known of the proxies in a state.
func (s Snapshot) describe(state State) string {
	var text strings.Builder
	named := int32(0)
	for _, d := range s.details {
		if d.state == state && named < maxNamed {
			named++
			text.WriteString("; " + d.String())
		}
	}
	if more := s.states[state] - named; more > 0 {
		fmt.Fprintf(&text, "; and so in %d more", more)
	}
	return text.String()
}

// lastRequestStep is how much later a request must be to be a change by itself.
const lastRequestStep = time.Minute

// same reports whether another snapshot is no change that is worth a report.
func (s Snapshot) same(other Snapshot) bool {
	return s.Selected == other.Selected && s.Running == other.Running && s.Requested == other.Requested &&
		s.trapped == other.trapped && s.trap == other.trap && s.restarted == other.restarted && s.restart == other.restart &&
		other.LastRequest.Sub(s.LastRequest) < lastRequestStep && maps.Equal(s.states, other.states) && slices.Equal(s.details, other.details)
}
