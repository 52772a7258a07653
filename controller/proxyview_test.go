package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/proxies"
)

// viewOf is what proxies in these states say together: those of Pods p0, p1 and so on.
func viewOf(states ...proxies.State) proxyView {
	v := proxyView{selected: int32(len(states))}
	for i, state := range states {
		p := proxy{pod: types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("p%d", i)}}
		v.add(p, state, "is "+string(state))
	}
	return v
}

var allStates = []proxies.State{
	proxies.Running, proxies.Loading, proxies.LoadFailing, proxies.NotInserted,
	proxies.Refused, proxies.LoadFailed, proxies.StartFailed, proxies.Unknown,
}

// TestEveryCombinationOfStates holds each set of states to rules that are simpler than
// the order in which they are looked at.
func TestEveryCombinationOfStates(t *testing.T) {
	for set := range 1 << len(allStates) {
		var states []proxies.State
		has := map[proxies.State]bool{}
		for i, state := range allStates {
			if set&(1<<i) != 0 {
				states, has[state] = append(states, state), true
			}
		}
		v := viewOf(states...)
		for _, wasReady := range []bool{false, true} {
			got := "fine"
			if f := v.failure(wasReady); f != nil {
				got = fmt.Sprintf("%s terminal=%v", f.Reason, f.Terminal)
			}
			if want := verdictOn(has, len(states), wasReady); got != want {
				t.Errorf("%v, wasReady %v: %s, want %s", states, wasReady, got, want)
			}
		}
	}
}

func verdictOn(has map[proxies.State]bool, kinds int, wasReady bool) string {
	switch {
	case has[proxies.StartFailed]:
		return "ProxyStartFailed terminal=true"
	case has[proxies.Refused]:
		return "ProxyRefused terminal=true"
	case has[proxies.LoadFailed], has[proxies.LoadFailing]:
		return "ProxyLoadFailed terminal=false"
	case has[proxies.NotInserted] && kinds == 1:
		return "NotInserted terminal=true"
	case has[proxies.Loading] && !wasReady:
		return "ProxiesLoading terminal=false"
	default:
		return "fine"
	}
}

func TestFailureTellsOfTheGravest(t *testing.T) {
	tests := map[string]struct {
		view     proxyView
		wasReady bool
		want     string
	}{
		"one that does not start": {
			viewOf(proxies.Loading, proxies.StartFailed, proxies.Running), false,
			"1 of 3 selected proxies run the module; the proxy of Pod shop/p1 is StartFailed",
		},
		"one alone": {
			viewOf(proxies.LoadFailed), true, "0 of 1 selected proxies run the module; the proxy of Pod shop/p0 is LoadFailed",
		},
		"one that gave up, one that goes on": {
			viewOf(proxies.LoadFailing, proxies.LoadFailed), false,
			"0 of 2 selected proxies run the module; the proxy of Pod shop/p1 is LoadFailed",
		},
		"many": {
			viewOf(proxies.Refused, proxies.Refused, proxies.Running, proxies.Refused, proxies.Refused, proxies.Refused), false,
			"1 of 6 selected proxies run the module; the proxy of Pod shop/p0 is Refused; the proxy of Pod shop/p1 is Refused; the proxy of Pod shop/p3 is Refused; and so in 2 more",
		},
		"no place": {
			viewOf(proxies.NotInserted, proxies.NotInserted), true,
			"0 of 2 selected proxies run the module; the proxy of Pod shop/p0 is NotInserted; the proxy of Pod shop/p1 is NotInserted",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := tt.view.failure(tt.wasReady)
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
		view proxyView
		want string
	}{
		"none selected": {viewOf(), "Unknown NoProxySelected: no running proxy is selected"},
		"all run":       {viewOf(proxies.Running, proxies.Running), "True Running: 2 of 2 selected proxies run the module"},
		"one starts":    {viewOf(proxies.Running, proxies.Loading), "True Running: 1 of 2 selected proxies run the module; the proxy of Pod shop/p1 is Loading"},
		"one has no place": {
			viewOf(proxies.NotInserted, proxies.Running), "True Running: 1 of 2 selected proxies run the module; the proxy of Pod shop/p0 is NotInserted",
		},
		"one is silent": {
			viewOf(proxies.Running, proxies.Unknown, proxies.Loading), "Unknown ProxiesUncertain: 1 of 3 selected proxies run the module; the proxy of Pod shop/p1 is Unknown",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := tt.view.condition()
			if diff := cmp.Diff(tt.want, fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)); diff != "" || c.Type != "ProxiesLoaded" {
				t.Errorf("%s (-want +got):\n%s", c.Type, diff)
			}
		})
	}
}

func TestRemark(t *testing.T) {
	one := viewOf(proxies.Running, proxies.Loading)
	none := viewOf()
	var unasked *proxyView
	for want, v := range map[string]*proxyView{"; 1 of 2 selected proxies run the module": &one, "": &none} {
		if got := v.remark(); got != want {
			t.Errorf("remark = %q, want %q", got, want)
		}
	}
	if got := unasked.remark(); got != "" {
		t.Errorf("where nobody is asked: %q", got)
	}
}

func TestTellIsBounded(t *testing.T) {
	for n, want := range map[int]string{
		0:   "",
		1:   "; the proxy of Pod shop/p0 is Refused",
		3:   "; the proxy of Pod shop/p0 is Refused; the proxy of Pod shop/p1 is Refused; the proxy of Pod shop/p2 is Refused",
		4:   "; the proxy of Pod shop/p0 is Refused; the proxy of Pod shop/p1 is Refused; the proxy of Pod shop/p2 is Refused; and so in 1 more",
		900: "; the proxy of Pod shop/p0 is Refused; the proxy of Pod shop/p1 is Refused; the proxy of Pod shop/p2 is Refused; and so in 897 more",
	} {
		states := make([]proxies.State, 0, n)
		for range n {
			states = append(states, proxies.Refused)
		}
		v := viewOf(states...)
		if diff := cmp.Diff(want, v.tell(proxies.Refused)); diff != "" {
			t.Errorf("of %d (-want +got):\n%s", n, diff)
		}
		if len(v.told) > maxTold {
			t.Errorf("of %d it remembers %d", n, len(v.told))
		}
		if got := v.tell(proxies.Loading); got != "" {
			t.Errorf("of others: %q", got)
		}
	}
}

// The words about many proxies fit into a condition with those that bound them.
func TestALongStoryIsCut(t *testing.T) {
	var v proxyView
	for range 5 {
		v.selected++
		v.add(proxy{pod: types.NamespacedName{Namespace: strings.Repeat("n", 63), Name: strings.Repeat("p", 253)}}, proxies.Refused, strings.Repeat("ä", 300))
	}
	status := computeStatus(v1alpha1.AutoWasmStatus{}, 1, synced(shaA).failed(stageProxies, v.failure(false)), testTime)
	if len(status.Message) > maxMessage {
		t.Errorf("a message of %d bytes", len(status.Message))
	}
	for _, c := range status.Conditions {
		if len(c.Message) > maxMessage {
			t.Errorf("%s has a message of %d bytes", c.Type, len(c.Message))
		}
	}
}

func TestStatusOfProxies(t *testing.T) {
	if got := viewOf().status(); got != nil {
		t.Errorf("without proxies: %+v", got)
	}
	v := viewOf(proxies.Running, proxies.Loading, proxies.Running)
	if diff := cmp.Diff(&v1alpha1.ProxiesStatus{Selected: 3, Running: 2}, v.status()); diff != "" {
		t.Errorf("before a request (-want +got):\n%s", diff)
	}
	v.saw(testTime.Add(1500 * time.Millisecond))
	v.saw(testTime)
	want := &v1alpha1.ProxiesStatus{Selected: 3, Running: 2, Requested: 2, LastRequestTime: &metav1.Time{Time: testTime.Add(time.Second)}}
	if diff := cmp.Diff(want, v.status()); diff != "" {
		t.Errorf("after two (-want +got):\n%s", diff)
	}
}

func TestSameView(t *testing.T) {
	base := func() proxyView {
		v := viewOf(proxies.Running, proxies.LoadFailed)
		v.saw(testTime)
		return v
	}
	tests := map[string]struct {
		edit func(*proxyView)
		same bool
	}{
		"nothing":                    {func(*proxyView) {}, true},
		"a request a moment later":   {func(v *proxyView) { v.lastRequest = testTime.Add(time.Minute - 1) }, true},
		"a request much later":       {func(v *proxyView) { v.lastRequest = testTime.Add(time.Minute) }, false},
		"who asked last has gone":    {func(v *proxyView) { v.lastRequest = testTime.Add(-time.Hour) }, true},
		"one more asked":             {func(v *proxyView) { v.requested++ }, false},
		"one more selected":          {func(v *proxyView) { v.selected++ }, false},
		"one more runs":              {func(v *proxyView) { v.running++ }, false},
		"another state":              {func(v *proxyView) { *v = viewOf(proxies.Running, proxies.Loading); v.saw(testTime) }, false},
		"the same state of others":   {func(v *proxyView) { v.told[0].text = "the proxy of Pod shop/p9 is LoadFailed" }, false},
		"and one that is not told":   {func(v *proxyView) { v.states[proxies.Unknown]++ }, false},
		"nobody is selected instead": {func(v *proxyView) { *v = proxyView{} }, false},
	}
	for name, tt := range tests {
		after := base()
		tt.edit(&after)
		if got := base().same(after); got != tt.same {
			t.Errorf("%s: same = %v", name, got)
		}
	}
}

func TestGaveUp(t *testing.T) {
	for _, state := range allStates {
		if got, want := viewOf(proxies.Running, state).gaveUp(), state == proxies.LoadFailed; got != want {
			t.Errorf("%s: gaveUp = %v", state, got)
		}
	}
}
