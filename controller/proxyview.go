package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/proxies"
)

// maxTold bounds how many proxies are told of by name.
const maxTold = 3

// proxyView is what the proxies of an AutoWasm say, all together.
type proxyView struct {
	selected, running, requested int32
	lastRequest                  time.Time
	// states counts the proxies that do not run the filter, by what has become of it.
	states map[proxies.State]int32
	// told is what to say of the first of them.
	told []told
}

// told is what to say of one proxy.
type told struct {
	state proxies.State
	text  string
}

// add counts one proxy in.
func (v *proxyView) add(p proxy, state proxies.State, why string) {
	if state == proxies.Running {
		v.running++
		return
	}
	if v.states == nil {
		v.states = map[proxies.State]int32{}
	}
	v.states[state]++
	if v.states[state] <= maxTold {
		v.told = append(v.told, told{state, fmt.Sprintf("the proxy of Pod %s %s", p.pod, why)})
	}
}

func (v *proxyView) saw(at time.Time) {
	v.requested++
	if at.After(v.lastRequest) {
		v.lastRequest = at
	}
}

// status is nil when no proxy is selected.
func (v proxyView) status() *v1alpha1.ProxiesStatus {
	if v.selected == 0 {
		return nil
	}
	out := &v1alpha1.ProxiesStatus{Selected: v.selected, Running: v.running, Requested: v.requested}
	if !v.lastRequest.IsZero() {
		out.LastRequestTime = &metav1.Time{Time: v.lastRequest.Truncate(time.Second)}
	}
	return out
}

// gravest lists the states that matter, the worst first, and whether only a user can
// help.
var gravest = []struct {
	state    proxies.State
	reason   v1alpha1.Reason
	terminal bool
}{
	{proxies.StartFailed, v1alpha1.ReasonProxyStartFailed, true},
	{proxies.Refused, v1alpha1.ReasonProxyRefused, true},
	{proxies.LoadFailed, v1alpha1.ReasonProxyLoadFailed, false},
	{proxies.LoadFailing, v1alpha1.ReasonProxyLoadFailed, false},
	{proxies.NotInserted, v1alpha1.ReasonNotInserted, true},
	{proxies.Loading, v1alpha1.ReasonProxiesLoading, false},
}

// failure is why the AutoWasm is not what its user asked for, nil when it is as far as
// the proxies can say. Proxies that have no place for the filter are fine beside
// others that do, or may; so are those that start, once others run it (wasReady).
func (v proxyView) failure(wasReady bool) *failure.Error {
	for _, g := range gravest {
		switch {
		case v.states[g.state] == 0,
			g.state == proxies.NotInserted && v.states[g.state] < v.selected,
			g.state == proxies.Loading && wasReady:
			continue
		}
		return &failure.Error{Reason: g.reason, Terminal: g.terminal, Err: fmt.Errorf("%s%s", v.summary(), v.tell(g.state))}
	}
	return nil
}

// condition is ProxiesLoaded when nothing has failed.
func (v proxyView) condition() metav1.Condition {
	const kind = v1alpha1.ConditionProxiesLoaded
	switch {
	case v.selected == 0:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonNoProxySelected, "no running proxy is selected")
	case v.states[proxies.Unknown] > 0:
		return condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonProxiesUncertain, v.summary()+v.tell(proxies.Unknown))
	default:
		return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonRunning, v.summary()+v.tell(proxies.Loading)+v.tell(proxies.NotInserted))
	}
}

// remark is what a message of success says of proxies.
func (v *proxyView) remark() string {
	if v == nil || v.selected == 0 {
		return ""
	}
	return "; " + v.summary()
}

func (v proxyView) summary() string {
	return fmt.Sprintf("%d of %d selected proxies run the module", v.running, v.selected)
}

// tell says what is known of the proxies in a state.
func (v proxyView) tell(state proxies.State) string {
	var text strings.Builder
	named := int32(0)
	for _, t := range v.told {
		if t.state == state {
			named++
			text.WriteString("; " + t.text)
		}
	}
	if more := v.states[state] - named; more > 0 {
		fmt.Fprintf(&text, "; and so in %d more", more)
	}
	return text.String()
}

// gaveUp says that a proxy will not load the module by itself.
func (v proxyView) gaveUp() bool { return v.states[proxies.LoadFailed] > 0 }

// lastRequestStep is how much later a request must be to be news by itself.
const lastRequestStep = time.Minute

// same says that nothing is different enough to be told.
func (v proxyView) same(other proxyView) bool {
	return v.selected == other.selected && v.running == other.running && v.requested == other.requested &&
		other.lastRequest.Sub(v.lastRequest) < lastRequestStep && maps.Equal(v.states, other.states) && slices.Equal(v.told, other.told)
}
