// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// restartWindow is how soon after a change of its filter a proxy ends that is taken to have ended because of it.
	restartWindow = time.Minute
	// clockSkew is how far the clocks of nodes may be behind that of the API server.
	clockSkew = 2 * time.Second
	// calmTime is how long a proxy that restarted again and again must run to count as well.
	calmTime = 10 * time.Minute
)

// restart is what is known of a proxy that ended soon after a change of its filter.
type restart struct {
	// first and last are when it ended first, and last, since then.
	first, last time.Time
	// how it ended last, "" when that says nothing.
	how string
	// again says that it has ended more than once.
	again bool
	// former says that the filter has changed since: it counts when the proxy ends once more.
	former bool
}

// restartOf returns what is known of a proxy's restarts; false when it has none, or when these are not of the filter's.
func (r *record) restartOf(p proxy) (restart, bool) {
	known, isKnown := r.restarts[p.uid]
	ended := p.end.FinishedAt.Time
	switch {
	case p.restarts == 0 || ended.Before(r.changed.Add(-clockSkew)):
		return known, isKnown
	case isKnown && ended.Equal(known.last):
		return known, true
	case isKnown && !known.former:
		known.again = true
	case isKnown || ended.Sub(r.changed) <= restartWindow:
		known = restart{first: ended, again: isKnown || p.restarts > r.lastRestarts(p)+1}
	case r.target.restarted && (p.down || p.restarts > 1): // as the status says of one that still goes on
		known = restart{first: ended, again: true}
	default:
		return restart{}, false
	}
	known.last, known.how = ended, howEnded(p.end)
	return known, true
}

// lastRestarts is how often the proxy had restarted at the last scrape; once less than now when it was not there.
func (r *record) lastRestarts(p proxy) int32 {
	for i := range r.proxies {
		if i.uid == p.uid {
			return i.restarts
		}
	}
	return p.restarts - 1
}

// formerRestarts are those of a record that count for the next target of the same AutoWasm: a container that crashed may
// be started minutes after the filter was repaired.
func (r *record) formerRestarts() map[types.UID]restart {
	kept := map[types.UID]restart{}
	for uid, restart := range r.restarts {
		restart.former, restart.again = true, false
		kept[uid] = restart
	}
	return kept
}

// state returns what has become of a filter in the proxy by its restarts alone; false when they do not tell.
func (s restart) state(p proxy, changed, now time.Time) (state State, why string, tells bool) {
	after := ""
	if !s.former {
		after = " " + s.after(changed)
	}
	switch {
	case s.again && (p.down || now.Sub(p.startedAt) < calmTime):
		return CrashLooping, "restarts again and again, first" + after + s.howInParentheses(), true
	case p.down:
		return Restarting, "has ended" + after + s.howInParentheses() + " and is not up again", true
	}
	return "", "", false
}

// after says how long after the change the proxy ended first.
func (s restart) after(changed time.Time) string {
	return fmt.Sprintf("%s after the filter changed", max(0, s.first.Sub(changed)).Round(time.Second))
}

func (s restart) howInParentheses() string {
	if s.how == "" {
		return ""
	}
	return " (" + s.how + ")"
}

// maxHow bounds what a kubelet says, in bytes.
const maxHow = 40

// howEnded is the reason and the exit code. Istio's agent ends with 0 however Envoy does.
func howEnded(end corev1.ContainerStateTerminated) string {
	reason := oneLine(end.Reason)
	if len(reason) > maxHow || reason == "Completed" || reason == "Error" {
		reason = ""
	}
	switch {
	case end.ExitCode == 0:
		return reason
	case reason == "":
		return fmt.Sprintf("exit code %d", end.ExitCode)
	}
	return fmt.Sprintf("%s, exit code %d", reason, end.ExitCode)
}
