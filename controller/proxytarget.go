package controller

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/autowasm/autowasm/api/v1alpha1"
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
}

// targetID tells targets apart: whatever changes of an AutoWasm or its EnvoyFilter
// makes another one, of which nothing is known yet.
type targetID struct {
	key         types.NamespacedName
	uid         types.UID
	generation  int64
	envoyFilter int64 // generation
	plugin      render.Plugin
}

// targetOf is what ef has the proxies of aw run.
func targetOf(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured, module, rootNamespace string) proxyTarget {
	t := proxyTarget{
		targetID: targetID{
			key: client.ObjectKeyFromObject(aw), uid: aw.UID, generation: aw.Generation,
			envoyFilter: ef.GetGeneration(), plugin: render.PluginOf(ef),
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

// proxyWatch is a target, and what has been seen of it.
type proxyWatch struct {
	target proxyTarget
	since  time.Time
	// confirmed are the starts of proxies that were seen to run the target. While
	// others of our filters fail in the same proxy, that they still do does not show.
	confirmed map[proxyStart]bool
	view      proxyView
	seen      bool // view says something
}

// older says whether a proxy that started at a time has known the target, or could, for
// longer than some time.
func (w *proxyWatch) older(than time.Duration, start, now time.Time) bool {
	return now.Sub(w.since) >= than && now.Sub(start) >= than
}

// confirm keeps in mind which proxies run the target, and forgets those that are gone.
func (w *proxyWatch) confirm(running []proxyStart) {
	w.confirmed = make(map[proxyStart]bool, len(running))
	for _, start := range running {
		w.confirmed[start] = true
	}
}
