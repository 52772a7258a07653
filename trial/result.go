// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
)

// Result is the outcome of a trial.
type Result struct {
	// Reason is one of those of ModuleTried.
	Reason v1alpha1.Reason `json:"reason"`
	// Callback is the export of the module that failed, "" for none.
	Callback string `json:"callback,omitempty"`
	// Message says in one line what happened; "it" is the module.
	Message string `json:"message"`
	// Named says that it may be another under another vmID or name of the plugin, which the module has used.
	Named bool `json:"named,omitempty"`
	// Idle says that it read its rootID and did nothing with a request, as the SDK for C++ has filters do that are not there.
	Idle bool `json:"idle,omitempty"`
	// Broken says that Envoy answers a request with an error because of what the module does to its headers or the response's.
	Broken bool `json:"broken,omitempty"`
	// Log is what the module logged at warn and above: the first lines and the last, each cut. They are the module's own:
	// quote them.
	Log []string `json:"log,omitempty"`
}

// Verdict is what a Result says of the module.
type Verdict int

// The verdicts.
const (
	// Undecided says nothing of the module.
	Undecided Verdict = iota
	// Passed is a module that works as far as it was tried.
	Passed
	// Refused is a module that no proxy can run as it is configured, or that traps at a GET of / whatever else that has.
	Refused
)

// Verdict returns what r says of the module.
func (r Result) Verdict() Verdict {
	switch r.Reason {
	case v1alpha1.ReasonTrialPassed:
		return Passed
	case v1alpha1.ReasonStartRefused, v1alpha1.ReasonModuleTraps, v1alpha1.ReasonNoHTTPContext:
		return Refused
	}
	return Undecided
}

// Condition returns ModuleTried, without its generation and times.
func (r Result) Condition() metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionModuleTried, Status: metav1.ConditionUnknown, Reason: string(r.Reason), Message: r.String()}
	switch r.Verdict() {
	case Passed:
		c.Status, c.Message = metav1.ConditionTrue, r.Message
	case Refused:
		c.Status = metav1.ConditionFalse
	}
	return c
}

// logSeparator is between the message of a result and the module's own words.
const logSeparator = "; it logged "

// String is the message and what the module logged, quoted.
func (r Result) String() string {
	if len(r.Log) == 0 {
		return r.Message
	}
	quoted := make([]string, len(r.Log))
	for i, line := range r.Log {
		quoted[i] = quote(line)
	}
	return r.Message + logSeparator + strings.Join(quoted, ", ")
}

// quote has control characters escaped, in no more than the bytes of a line.
func quote(line string) string {
	quoted := strconv.Quote(line)
	if len(quoted) > maxLine {
		quoted = text.Truncate(quoted, maxLine-1) + `"`
	}
	return quoted
}

// WithoutLog returns what a text that has the String of a Result says before the module's own words, which may repeat its
// configuration.
func WithoutLog(words string) string {
	before, _, _ := strings.Cut(words, logSeparator)
	return before
}

// maxMessage bounds the message of a result, in bytes.
const maxMessage = 480

// clean bounds a result that a child wrote, whatever has become of that.
func (r Result) clean() Result {
	known := map[v1alpha1.Reason]bool{
		v1alpha1.ReasonTrialPassed: true, v1alpha1.ReasonStartRefused: true, v1alpha1.ReasonModuleTraps: true,
		v1alpha1.ReasonNoHTTPContext: true, v1alpha1.ReasonDependsOnProxy: true, v1alpha1.ReasonTrialEnded: true,
	}
	if !known[r.Reason] {
		return ended("the process of the trial gave no result")
	}
	r.Callback = oneLine(r.Callback, maxLine)
	r.Message = oneLine(r.Message, maxMessage)
	r.Log = r.Log[:min(len(r.Log), maxFirst+maxLast)]
	for i, line := range r.Log {
		r.Log[i] = text.Truncate(strings.ToValidUTF8(line, "�"), maxLine)
	}
	return r
}

func oneLine(s string, bytes int) string { return text.Truncate(text.OneLine(s), bytes) }

// ended is the result of a trial that says nothing of the module.
func ended(message string) Result {
	return Result{Reason: v1alpha1.ReasonTrialEnded, Message: "the trial came to no end: " + message}
}
