// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// other is the filter of another AutoWasm in the same proxy.
var other = render.Plugin{Owner: "autowasm.shop.other", VM: "33333333", Revision: "cccccccc"}

// draining is what a proxy of two workers answers that has replaced the listener with other by one with plugin1 as well.
func draining(created int64, vms int) answer {
	return answer{Report: Report{Workers: 2, Created: created, VMs: vms, Draining: 2, Filters: []render.Plugin{shown(other), shown(plugin1)}}}
}

// TestSecondFilter: a filter that comes to a proxy with another one is known to run within seconds, and one that does not
// start never, with the same number of virtual machines.
func TestSecondFilter(t *testing.T) {
	const seems = "seems to run the module; that is certain when its former listeners are drained"
	drained := answer{Report: Report{Workers: 2, Created: 14, VMs: 4, Filters: draining(0, 0).Filters}}
	for name, tt := range map[string]struct {
		answers []answer // one a second, of which the first is before the filter
		again   bool     // the proxy restarts before the last
		want    string
		later   v1alpha1.Reason // when its listeners are drained
	}{
		"it starts":         {[]answer{withOther(5), draining(10, 8)}, false, "", ""},
		"it does not":       {[]answer{withOther(5), draining(14, 8)}, false, seems, v1alpha1.ReasonProxyStartFailed},
		"no answer between": {[]answer{withOther(5), unreachable(errUnreachable), draining(10, 8)}, false, "", ""},
		"it does not, no answer between": {
			[]answer{withOther(5), unreachable(errUnreachable), draining(14, 8)}, false, seems, v1alpha1.ReasonProxyStartFailed},
		"no answer before": {[]answer{unreachable(errUnreachable), draining(10, 8)}, false, seems, ""},
		"the proxy has restarted, it does not start": {
			[]answer{withOther(5), draining(10, 8), draining(10, 8)}, true, seems, v1alpha1.ReasonProxyStartFailed},
	} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", tt.answers[0])
				r.put(inCluster(named("other"), withPlugin(other)))
				pass(2 * time.Minute)
				for i, a := range tt.answers[1:] {
					if tt.again && i == len(tt.answers)-2 {
						r.remove("a")
						r.run("a", "10.0.0.1", a)
					}
					r.answer("10.0.0.1", a)
					r.put(inCluster())
					pass(time.Second)
				}
				if tt.again { // as a Pod's status has it in whole seconds
					pass(time.Second)
				}
				pass(2 * time.Second)
				got := r.put(inCluster())
				if tt.want == "" && got != oneRuns || !strings.Contains(got, tt.want) {
					t.Errorf("within seconds: %s", got)
				}
				if tt.later == "" {
					return
				}
				pass(20 * time.Second)
				r.answer("10.0.0.1", drained)
				pass(20 * time.Second)
				if f := r.known().snapshot.Failure(false); f == nil || f.Reason != tt.later {
					t.Errorf("later: %v", f)
				}
			})
		})
	}
}

// TestDrainsAreSeenToEnd: a filter that comes soon after the listeners of another one's change have drained is known to run
// within seconds.
func TestDrainsAreSeenToEnd(t *testing.T) {
	before, after := withOther(10), draining(15, 8)
	drains := before
	drains.VMs, drains.Draining = 8, 2
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", drains)
		r.put(inCluster(named("other"), withPlugin(other)))
		pass(45 * time.Second)
		r.answer("10.0.0.1", before)
		pass(drainScrape)
		r.answer("10.0.0.1", after)
		r.put(inCluster())
		pass(3 * time.Second)
		if got := r.put(inCluster()); got != oneRuns {
			t.Errorf("within seconds: %s", got)
		}
	})
}

// TestAModuleThatRan: a filter of a module that another one ran is known to run within seconds, also where virtual machines
// of former listeners end while it comes; and one that does not start has its listener rejected.
func TestAModuleThatRan(t *testing.T) {
	again := other
	again.Revision = "dddddddd"
	ended := answer{Report: Report{Workers: 2, Created: 26, VMs: 8, Draining: 2, Filters: []render.Plugin{shown(again), shown(plugin1)}}}
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", withOther(15))
		r.put(inCluster(named("other"), withPlugin(other)))
		pass(time.Minute)
		r.delete(types.NamespacedName{Namespace: testKey.Namespace, Name: "other"})
		pass(time.Minute)
		r.answer("10.0.0.1", ended)
		r.put(inCluster(named("again"), withPlugin(again)))
		pass(4 * time.Second)
		if got := r.put(inCluster(named("again"), withPlugin(again))); got != oneRuns {
			t.Errorf("within seconds: %s", got)
		}
	})
}

// withOther is what a proxy answers that runs the other filter.
func withOther(created int64) answer {
	return answer{Report: Report{Workers: 2, Created: created, VMs: 4, Filters: []render.Plugin{shown(other)}}}
}
