// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Proxies are the proxies that an AutoWasm selects.
type Proxies struct {
	// ProxiesStatus counts them as the status does; zero while it does not.
	v1alpha1.ProxiesStatus `json:",inline"`
	// Observed is false where wasmer does not scrape proxies, or has not yet.
	Observed bool `json:"observed"`
	// All are the proxies one by one: those that do not run the filter first, and each group by name.
	All []Proxy `json:"all,omitempty"`
	// WithoutProxy counts the selected Pods that have no proxy of the kind that the filter is for.
	WithoutProxy int `json:"podsWithoutProxy,omitempty"`
	// Message says why the Pods cannot be read, and All is what the status names.
	Message string `json:"message,omitempty"`
}

// The states of a proxy that the status does not name; the others are those of status.proxies.notRunning.
const (
	stateRunning = "Running"
	stateHidden  = "NotListed"
	stateStarts  = "Starting"
	stateNew     = "NotObserved"
)

// Proxy is what has become of the filter in one proxy.
type Proxy struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	State     string `json:"state"`
	// Since is when it came into the state, as far as that is known.
	Since   *metav1.Time `json:"since,omitempty"`
	Message string       `json:"message,omitempty"`
}

func proxiesOf(o Objects, written *metav1.Time) Proxies {
	out := Proxies{Message: o.NoPods}
	if s := o.AutoWasm.Status.Proxies; s != nil {
		out.ProxiesStatus, out.Observed = *s, true
	}
	named := map[[2]string]bool{}
	for _, p := range out.NotRunning {
		named[[2]string{p.Namespace, p.Pod}] = true
		out.All = append(out.All, Proxy{Namespace: p.Namespace, Pod: p.Pod, State: p.State, Since: &p.Since, Message: p.Message})
	}
	out.NotRunning = nil // they are in All
	var others []*Pod
	for i := range o.Pods {
		pod := &o.Pods[i]
		switch {
		case !pod.runs() || named[[2]string{pod.Namespace, pod.Name}]:
		case !pod.hasProxy(o.AutoWasm.Spec.Filter.Context == v1alpha1.Gateway):
			out.WithoutProxy++
		default:
			others = append(others, pod)
		}
	}
	out.All = append(out.All, unnamed(o.AutoWasm, others, written)...)
	return out
}

// unnamed are the proxies that the status does not name: those that run the filter, unless there are more of them than it
// counts.
func unnamed(aw *v1alpha1.AutoWasm, pods []*Pod, written *metav1.Time) []Proxy {
	running := runningUnnamed(aw)
	slices.SortFunc(pods, func(a, b *Pod) int { // the longer they run, the likelier it is that they were scraped
		return cmp.Or(startOf(a).Compare(startOf(b).Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var all []Proxy
	for _, pod := range pods {
		started := pod.startedAt()
		p := Proxy{Namespace: pod.Namespace, Pod: pod.Name, State: stateRunning}
		switch {
		case started == nil:
			p.State, p.Message = stateStarts, "its proxy does not run"
		case running == nil:
			p.State = stateNew
		case *running == 0 && hidden(aw) > 0:
			p.State, p.Message = stateHidden, "more proxies do not run the filter than the status names"
		case *running == 0:
			p.State, p.Since, p.Message = stateNew, started, "it was not there when the proxies were last scraped"
		default:
			*running--
			p.Since = latest(allRunSince(aw), started, written)
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b Proxy) int {
		return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
	return all
}

func startOf(p *Pod) *metav1.Time {
	return cmp.Or(p.startedAt(), &metav1.Time{Time: p.CreationTimestamp.AddDate(1, 0, 0)})
}

func rank(state string) int {
	if state == stateRunning {
		return 1
	}
	return 0
}

// runningUnnamed is how many proxies run the filter and are not named by the status, nil when that is not known.
func runningUnnamed(aw *v1alpha1.AutoWasm) *int {
	s := aw.Status.Proxies
	if s == nil || aw.Status.ObservedGeneration != aw.Generation {
		return nil
	}
	n := int(s.Running)
	for _, p := range s.NotRunning {
		if p.State == trapping {
			n--
		}
	}
	return &n
}

// trapping is the state of a proxy that is named though it runs the filter.
const trapping = "Trapping"

// hidden is how many proxies that do not run the filter the status does not name.
func hidden(aw *v1alpha1.AutoWasm) int {
	s := aw.Status.Proxies
	named := len(slices.DeleteFunc(slices.Clone(s.NotRunning), func(p v1alpha1.ProxyStatus) bool { return p.State == trapping }))
	return int(s.Selected-s.Running) - named
}

// allRunSince is since when all proxies run the filter, nil while one does not: then it is not known of any by itself.
func allRunSince(aw *v1alpha1.AutoWasm) *metav1.Time {
	c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionProxiesLoaded)
	if c == nil || c.Status != metav1.ConditionTrue {
		return nil
	}
	return &c.LastTransitionTime
}

// latest is the last of the times, nil where the first is not known.
func latest(first *metav1.Time, more ...*metav1.Time) *metav1.Time {
	if first == nil {
		return nil
	}
	last := first
	for _, t := range more {
		if t != nil && last.Before(t) {
			last = t
		}
	}
	return last
}

// Runs reports whether the proxy runs the filter, and it does not trap.
func (p Proxy) Runs() bool { return p.State == stateRunning }
