// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Action is what to do about one reason.
type Action struct {
	Reason string `json:"reason"`
	// Do is a sentence, with a command where one helps.
	Do string `json:"do"`
}

// actionsOf are those about Ready, about a configuration that the schema refuses or with which the module fails in a trial,
// about requests that fail, about what preflight found, and about proxies that do not run the filter though Ready does not
// depend on them.
func actionsOf(aw *v1alpha1.AutoWasm, r Report) []Action {
	var all []Action
	add := func(reason, pod string) {
		known := slices.ContainsFunc(all, func(a Action) bool { return a.Reason == reason })
		if do := remedies[v1alpha1.Reason(reason)]; do != "" && !known {
			all = append(all, Action{reason, fill(do, aw, pod)})
		}
	}
	if r.Ready.Status != string(metav1.ConditionTrue) {
		add(r.Ready.Reason, firstPod(r.Proxies))
	}
	for _, kind := range []string{
		v1alpha1.ConditionConfigValid, v1alpha1.ConditionModuleTried, v1alpha1.ConditionRequestsPass, v1alpha1.ConditionPreflightPassed,
	} {
		add(falseOf(aw, kind).Reason, firstPod(r.Proxies))
	}
	for _, p := range r.Proxies.All {
		add(string(stateReasons[p.State]), p.Pod)
	}
	if r.EnvoyFilter.State == Foreign {
		add(string(v1alpha1.ReasonForeignEnvoyFilter), "")
	}
	return all
}

// firstPod is that of the proxy that is worst off.
func firstPod(p Proxies) string {
	if len(p.All) == 0 {
		return "POD"
	}
	return p.All[0].Pod
}

// fill puts names into a remedy.
func fill(do string, aw *v1alpha1.AutoWasm, pod string) string {
	secret, image := aw.Spec.Secret, "IMAGE"
	if secret == "" {
		secret = "regcred"
	}
	if source := aw.Spec.Filter.Source.Registry; source != nil {
		image = source.Image
	}
	return strings.NewReplacer("{name}", aw.Name, "{namespace}", aw.Namespace, "{pod}", pod, "{secret}", secret, "{image}", image).Replace(do)
}

// stateReasons are the reasons of the states of proxies, as of Ready when all depends on them.
var stateReasons = map[string]v1alpha1.Reason{
	"CrashLooping": v1alpha1.ReasonProxyRestarted,
	"Restarting":   v1alpha1.ReasonProxyRestarted,
	"StartFailed":  v1alpha1.ReasonProxyStartFailed,
	"Rejected":     v1alpha1.ReasonProxyRefused,
	trapping:       v1alpha1.ReasonFilterTraps,
	"LoadFailed":   v1alpha1.ReasonProxyLoadFailed,
	"LoadFailing":  v1alpha1.ReasonProxyLoadFailed,
	"NotInserted":  v1alpha1.ReasonNotInserted,
	"Loading":      v1alpha1.ReasonProxiesLoading,
	"Unknown":      v1alpha1.ReasonProxiesUncertain,
}
