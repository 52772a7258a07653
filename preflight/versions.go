// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

// versionsTimeout bounds the wait for istiod: nothing depends on it.
const versionsTimeout = 250 * time.Millisecond

// untested finds the selected proxies outside of the tested range: by what istiod knows of each, and by the images of those
// that it does not know, since they may be connected to another revision of it.
func (r *reading) untested() {
	if !r.has(Pods) || r.loader.UntestedProxies == AllowUntested {
		return
	}
	known, untested := r.knownVersions()
	for name, version := range untested {
		r.addConnected(name, version)
	}
	for i := range r.pods {
		pod := &r.pods[i]
		if known[client.ObjectKeyFromObject(pod).String()] != "" {
			continue
		}
		if version := imageVersion(mesh.ProxyImage(pod)); istio.IsUntested(version) {
			r.addUntested(pod, version)
		}
	}
	slices.SortFunc(r.view.Untested, byPod)
}

func (r *reading) knownVersions() (all, untested map[string]string) {
	if r.loader.Versions == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, versionsTimeout)
	defer cancel()
	return r.loader.Versions.Known(ctx)
}

// addConnected adds a proxy that istiod knows if it is selected, however many others are.
func (r *reading) addConnected(name, version string) {
	namespace, podName, _ := strings.Cut(name, "/")
	if within := string(r.selected()); r.err != nil || within != "" && namespace != within {
		return
	}
	var pod corev1.Pod
	key := types.NamespacedName{Namespace: namespace, Name: podName}
	if err := r.loader.Reader.Get(r.ctx, key, &pod, client.UnsafeDisableDeepCopy); err != nil {
		r.err = client.IgnoreNotFound(err)
		return
	}
	if labels.SelectorFromSet(r.aw.Spec.Selector.Labels()).Matches(labels.Set(pod.Labels)) {
		r.addUntested(&pod, version)
	}
}

// addUntested adds the proxy of a selected Pod if it is on the side that the filter is for.
func (r *reading) addUntested(pod *corev1.Pod, version string) {
	gateway := r.aw.Spec.Filter.Context == v1alpha1.Gateway
	if !mesh.Ends(pod) && mesh.HasProxy(pod) && mesh.IsGateway(pod) == gateway {
		r.view.Untested = append(r.view.Untested, Proxy{Pod: client.ObjectKeyFromObject(pod), Version: version})
	}
}

// proxyImage is the form of Istio's own images, in whatever registry: their tags are versions, which those of others need not be.
var proxyImage = regexp.MustCompile(`/proxyv2:(1\.[0-9]{2}\.[0-9]+)(?:-debug|-distroless)?(?:@sha256:[0-9a-f]+)?$`)

// imageVersion returns the version of Istio that a proxy's image has by its name, "" when the name does not say.
func imageVersion(image string) string {
	match := proxyImage.FindStringSubmatch(image)
	if match == nil {
		return ""
	}
	return match[1]
}
