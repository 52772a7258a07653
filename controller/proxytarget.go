package controller

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

// proxyTarget is what the proxies of one AutoWasm are to run.
type proxyTarget struct {
	targetID
	// namespace whose Pods are selected, "" for all.
	namespace string
	selector  map[string]string
	gateway   bool
	module    string // sha256
	// since is when it was written, zero when that does not matter: it counts from when
	// it is first seen then.
	since time.Time
	// ran is since when all proxies are said to run it, zero when they are not.
	ran time.Time
}

// targetID tells targets apart: whatever changes of an AutoWasm or its EnvoyFilter
// makes another one, of which nothing is known yet.
type targetID struct {
	key         types.NamespacedName
	uid         types.UID
	generation  int64
	envoyFilter targetFilter
	plugin      render.Plugin
}

type targetFilter struct {
	uid        types.UID
	generation int64
}

// targetOf is what ef has the proxies of aw run.
func targetOf(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured, module, rootNamespace string) proxyTarget {
	t := proxyTarget{
		targetID: targetID{
			key: client.ObjectKeyFromObject(aw), uid: aw.UID, generation: aw.Generation,
			envoyFilter: targetFilter{ef.GetUID(), ef.GetGeneration()}, plugin: render.PluginOf(ef),
		},
		namespace: aw.Namespace,
		selector:  aw.Spec.Selector.Labels(),
		gateway:   aw.Spec.Filter.Context == v1alpha1.Gateway,
		module:    module,
	}
	if aw.Namespace == rootNamespace {
		t.namespace = "" // Istio applies it to the whole mesh
	}
	return t
}

// heardBefore takes over what the status of aw says of the target, of which it has
// heard: no proxy is new to it because this process is. Proxies that started since may
// be no longer what the status says.
func (t proxyTarget) heardBefore(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) proxyTarget {
	t.since = writtenAt(ef)
	loaded, p := find(aw.Status.Conditions, v1alpha1.ConditionProxiesLoaded), aw.Status.Proxies
	if p != nil && p.Running == p.Selected && loaded != nil && loaded.Status == metav1.ConditionTrue {
		t.ran = loaded.LastTransitionTime.Time
	}
	return t
}

// writtenAt is when ef was last written by us, by the API server's clock; zero when it
// does not say.
func writtenAt(ef *unstructured.Unstructured) time.Time {
	var last time.Time
	for _, entry := range ef.GetManagedFields() {
		if entry.Manager == render.FieldManager && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// proxyWatch is a target, and what has been seen of it.
type proxyWatch struct {
	target proxyTarget
	since  time.Time
	// looks counts, for each proxy that runs the target, the looks in a row that
	// showed it.
	looks map[proxyStart]int
	// broken are the revisions of this target and those before it that do not start, by
	// proxy: it has them for as long as it drains their listeners.
	broken map[proxyStart][]string
	// last is what has become of the target in proxies that answered and do not run it.
	last map[proxyStart]proxies.State
	// rejected is how often proxies that seem to run it had refused listeners then.
	rejected map[proxyStart]int64
	view     proxyView
	seen     bool // view says something
	sure     bool // all that run the target are confirmed
	rests    bool // the proxies are not asked, nobody wants to know
}

func newProxyWatch(t proxyTarget, now time.Time) *proxyWatch {
	since := t.since
	if since.IsZero() || since.After(now) {
		since = now
	}
	return &proxyWatch{target: t, since: since}
}

// older says whether a proxy that started at a time has known the target, or could, for
// longer than some time.
func (w *proxyWatch) older(than time.Duration, start, now time.Time) bool {
	return now.Sub(w.since) >= than && now.Sub(start) >= than
}

// confirmLooks is how many looks in a row must show that a proxy runs the target before
// it is taken for granted: that it still does no longer shows once another filter fails
// in the same proxy. One look is not enough, since the virtual machines of a module that
// is about to fail are there for a moment.
const confirmLooks = 2

func (w *proxyWatch) confirmed(start proxyStart) bool {
	return w.looks[start] >= confirmLooks || start.at.Before(w.target.ran)
}

// confirm counts a look that showed which proxies run the target, and forgets those
// that do not. It says whether all of them are confirmed.
func (w *proxyWatch) confirm(running []proxyStart) bool {
	looks, all := make(map[proxyStart]int, len(running)), true
	for _, start := range running {
		looks[start] = min(w.looks[start]+1, confirmLooks)
		all = all && looks[start] == confirmLooks
	}
	w.looks = looks
	return all
}

// maxBroken bounds how many revisions of a filter are known not to start in a proxy.
const maxBroken = 8

// breaks notes in which proxies the target does not start, and forgets those that are
// gone. Copies of w stay as they are.
func (w *proxyWatch) breaks(failed, present []proxyStart) {
	broken, revision := map[proxyStart][]string{}, w.target.plugin.Revision
	for _, start := range present {
		if revisions, known := w.broken[start]; known {
			broken[start] = revisions
		}
	}
	for _, start := range failed {
		if slices.Contains(broken[start], revision) {
			continue
		}
		revisions := append(slices.Clone(broken[start]), revision)
		broken[start] = revisions[max(0, len(revisions)-maxBroken):]
	}
	w.broken = broken
}

// after takes over which revisions do not start from the target before, unless those who
// had them have drained them.
func (w *proxyWatch) after(before *proxyWatch) *proxyWatch {
	if before != nil && (before.view.states[proxies.StartFailed] > 0 || w.since.Sub(before.since) < drainTime) {
		w.broken = before.broken
	}
	return w
}
