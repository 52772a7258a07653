// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// snapshotOf is that of proxies in these states: those of Pods p0, p1 and so on.
func snapshotOf(states ...State) Snapshot {
	var s Snapshot
	for i, state := range states {
		p := proxy{pod: types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("p%d", i)}}
		s.add(p, state, "is "+string(state))
	}
	return s
}

var allStates = []State{
	Running, Loading, LoadFailing, NotInserted,
	Rejected, LoadFailed, StartFailed, Unknown, CrashLooping, Restarting,
}

// TestEveryCombinationOfStates holds each set of states to rules that are simpler than the order in which they are
// looked at.
func TestEveryCombinationOfStates(t *testing.T) {
	for set := range 1 << len(allStates) {
		var states []State
		has := map[State]bool{}
		for i, state := range allStates {
			if set&(1<<i) != 0 {
				states, has[state] = append(states, state), true
			}
		}
		v := snapshotOf(states...)
		for _, wasReady := range []bool{false, true} {
			got := "fine"
			if f := v.Failure(wasReady); f != nil {
				got = fmt.Sprintf("%s terminal=%v", f.Reason, f.Terminal)
			}
			if want := expectedFailure(has, len(states), wasReady); got != want {
				t.Errorf("%v, wasReady %v: %s, want %s", states, wasReady, got, want)
			}
		}
	}
}

func expectedFailure(has map[State]bool, kinds int, wasReady bool) string {
	switch {
	case has[CrashLooping]:
		return "ProxyRestarted terminal=true"
	case has[Restarting]:
		return "ProxyRestarted terminal=false"
	case has[StartFailed]:
		return "ProxyStartFailed terminal=true"
	case has[Rejected]:
		return "ProxyRefused terminal=true"
	case has[LoadFailed], has[LoadFailing]:
		return "ProxyLoadFailed terminal=false"
	case has[NotInserted] && kinds == 1:
		return "NotInserted terminal=true"
	case has[Loading] && !(wasReady && has[Running]):
		return "ProxiesLoading terminal=false"
	case has[Unknown] && !has[Running]:
		return "ProxiesUncertain terminal=false"
	default:
		return "fine"
	}
}

func TestFailureIsOfTheWorst(t *testing.T) {
	tests := map[string]struct {
		snapshot Snapshot
		wasReady bool
		want     string
	}{
		"one that does not start": {
			snapshotOf(Loading, StartFailed, Running), false,
			"1 of 3 selected proxies run the module; the proxy of Pod shop/p1 is StartFailed",
		},
		"one alone": {
			snapshotOf(LoadFailed), true, "0 of 1 selected proxies run the module; the proxy of Pod shop/p0 is LoadFailed",
		},
		"one that gave up, one that goes on": {
			snapshotOf(LoadFailing, LoadFailed), false,
			"0 of 2 selected proxies run the module; the proxy of Pod shop/p1 is LoadFailed",
		},
		"many": {
			snapshotOf(Rejected, Rejected, Running, Rejected, Rejected, Rejected), false,
			"1 of 6 selected proxies run the module; the proxy of Pod shop/p0 is Rejected; the proxy of Pod shop/p1 is Rejected; the proxy of Pod shop/p3 is Rejected; and so in 2 more",
		},
		"no place": {
			snapshotOf(NotInserted, NotInserted), true,
			"0 of 2 selected proxies run the module; the proxy of Pod shop/p0 is NotInserted; the proxy of Pod shop/p1 is NotInserted",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := tt.snapshot.Failure(tt.wasReady)
			if f == nil {
				t.Fatal("no failure")
			}
			if diff := cmp.Diff(tt.want, f.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProxiesLoadedWithoutFailure(t *testing.T) {
	tests := map[string]struct {
		snapshot Snapshot
		want     string
	}{
		"none selected": {snapshotOf(), "Unknown NoProxySelected: no running proxy is selected"},
		"all run":       {snapshotOf(Running, Running), "True Running: 2 of 2 selected proxies run the module"},
		"one starts":    {snapshotOf(Running, Loading), "True Running: 1 of 2 selected proxies run the module; the proxy of Pod shop/p1 is Loading"},
		"one has no place": {
			snapshotOf(NotInserted, Running), "True Running: 1 of 2 selected proxies run the module; the proxy of Pod shop/p0 is NotInserted",
		},
		"one is silent": {
			snapshotOf(Running, Unknown, Loading), "Unknown ProxiesUncertain: 1 of 3 selected proxies run the module; the proxy of Pod shop/p1 is Unknown",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := tt.snapshot.Condition()
			if diff := cmp.Diff(tt.want, fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)); diff != "" || c.Type != "ProxiesLoaded" {
				t.Errorf("%s (-want +got):\n%s", c.Type, diff)
			}
		})
	}
}

func TestDescriptionIsBounded(t *testing.T) {
	for n, want := range map[int]string{
		0:   "",
		1:   "; the proxy of Pod shop/p0 is Rejected",
		3:   "; the proxy of Pod shop/p0 is Rejected; the proxy of Pod shop/p1 is Rejected; the proxy of Pod shop/p2 is Rejected",
		4:   "; the proxy of Pod shop/p0 is Rejected; the proxy of Pod shop/p1 is Rejected; the proxy of Pod shop/p2 is Rejected; and so in 1 more",
		900: "; the proxy of Pod shop/p0 is Rejected; the proxy of Pod shop/p1 is Rejected; the proxy of Pod shop/p2 is Rejected; and so in 897 more",
	} {
		states := make([]State, 0, n)
		for range n {
			states = append(states, Rejected)
		}
		v := snapshotOf(states...)
		if diff := cmp.Diff(want, v.describe(Rejected)); diff != "" {
			t.Errorf("of %d (-want +got):\n%s", n, diff)
		}
		if len(v.details) > maxListed {
			t.Errorf("of %d it remembers %d", n, len(v.details))
		}
		if got := v.describe(Loading); got != "" {
			t.Errorf("of others: %q", got)
		}
	}
}

func TestStatusOfProxies(t *testing.T) {
	if got := snapshotOf().Status(); got != nil {
		t.Errorf("without proxies: %+v", got)
	}
	v := snapshotOf(Running, Loading, Running)
	loading := []v1alpha1.ProxyStatus{{Namespace: "shop", Pod: "p1", State: "Loading", Message: "is Loading"}}
	if diff := cmp.Diff(&v1alpha1.ProxiesStatus{Selected: 3, Running: 2, NotRunning: loading}, v.Status()); diff != "" {
		t.Errorf("before a request (-want +got):\n%s", diff)
	}
	v.addRequest(testTime.Add(1500 * time.Millisecond))
	v.addRequest(testTime)
	want := &v1alpha1.ProxiesStatus{Selected: 3, Running: 2, Requested: 2, LastRequestTime: &metav1.Time{Time: testTime.Add(time.Second)}, NotRunning: loading}
	if diff := cmp.Diff(want, v.Status()); diff != "" {
		t.Errorf("after two (-want +got):\n%s", diff)
	}
}

func TestSameSnapshot(t *testing.T) {
	base := func() Snapshot {
		v := snapshotOf(Running, LoadFailed)
		v.addRequest(testTime)
		return v
	}
	tests := map[string]struct {
		edit func(*Snapshot)
		same bool
	}{
		"nothing":                  {func(*Snapshot) {}, true},
		"a request a moment later": {func(v *Snapshot) { v.LastRequest = testTime.Add(time.Minute - 1) }, true},
		"a request much later":     {func(v *Snapshot) { v.LastRequest = testTime.Add(time.Minute) }, false},
		"who asked last has gone":  {func(v *Snapshot) { v.LastRequest = testTime.Add(-time.Hour) }, true},
		"one more asked":           {func(v *Snapshot) { v.Requested++ }, false},
		"one more selected":        {func(v *Snapshot) { v.Selected++ }, false},
		"one more runs":            {func(v *Snapshot) { v.Running++ }, false},
		"another state":            {func(v *Snapshot) { *v = snapshotOf(Running, Loading); v.addRequest(testTime) }, false},
		"the same state of others": {func(v *Snapshot) { v.details[0].pod.Name = "p9" }, false},
		"and one that is unknown":  {func(v *Snapshot) { v.states[Unknown]++ }, false},
		"none is selected instead": {func(v *Snapshot) { *v = Snapshot{} }, false},
	}
	for name, tt := range tests {
		after := base()
		tt.edit(&after)
		if got := base().same(after); got != tt.same {
			t.Errorf("%s: same = %v", name, got)
		}
	}
}

// TestStatusNamesWhatDoesNotRun: the worst first, no more than the API allows, and none that runs the filter.
func TestStatusNamesWhatDoesNotRun(t *testing.T) {
	states := []State{Running, Loading, StartFailed}
	for range maxListed + 2 {
		states = append(states, LoadFailed)
	}
	want := []v1alpha1.ProxyStatus{{Namespace: "shop", Pod: "p2", State: "StartFailed", Message: "is StartFailed"}}
	for i := range maxListed - 1 {
		want = append(want, v1alpha1.ProxyStatus{Namespace: "shop", Pod: fmt.Sprintf("p%d", i+3), State: "LoadFailed", Message: "is LoadFailed"})
	}
	if diff := cmp.Diff(want, snapshotOf(states...).Status().NotRunning); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := snapshotOf(Running, Running).Status().NotRunning; got != nil {
		t.Errorf("all run, and the status names %v", got)
	}
}

func TestReloadDueByState(t *testing.T) {
	for _, state := range allStates {
		r := record{snapshot: snapshotOf(Running, state)}
		if got, want := r.reloadDue(testTime), state == LoadFailed; got != want {
			t.Errorf("%s: reloadDue = %v", state, got)
		}
	}
}
