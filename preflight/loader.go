// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

// maxWorkloads bounds how many Pods one AutoWasm is checked against. What others have is taken as unknown.
const maxWorkloads = 2000

// A Loader reads what concerns an AutoWasm.
type Loader struct {
	// Reader must be a cache that has Kinds: it is read within admissions. What it returns is not changed, nor copied.
	Reader client.Reader
	Kinds  *Kinds
	// Versions of proxies, for UntestedProxies. With nil they are those of their images alone.
	Versions Versions
	Options
}

// Versions knows the versions of proxies. A *proxies.Versions is one.
type Versions interface {
	// Known returns the version of Istio of each known proxy, as "<namespace>/<pod>", "" when it says none, and those of
	// them that are outside of the tested range. It waits for istiod no longer than until ctx ends.
	Known(ctx context.Context) (all, untested map[string]string)
}

// Findings loads and checks. It fails when the cache cannot be read, such as before it is filled.
func (l *Loader) Findings(ctx context.Context, aw *v1alpha1.AutoWasm) ([]Finding, error) {
	view, err := l.Load(ctx, aw)
	if err != nil {
		return nil, fmt.Errorf("check what AutoWasm %s/%s meets: %w", aw.Namespace, aw.Name, err)
	}
	return Check(aw, view, l.Options), nil
}

// Load reads what Check needs, from the cache alone. The end of ctx ends it while the cache is not filled yet.
func (l *Loader) Load(ctx context.Context, aw *v1alpha1.AutoWasm) (View, error) {
	r := &reading{ctx: ctx, loader: l, aw: aw}
	r.workloads()
	r.untested()
	if !l.meshWide(aw) {
		r.services()
		r.istio()
		r.server()
	}
	return r.view, r.err
}

// reading is one Load.
type reading struct {
	ctx    context.Context
	loader *Loader
	aw     *v1alpha1.AutoWasm
	pods   []corev1.Pod // that are selected, as far as they are read
	view   View
	err    error // of the first read that failed: a cache that fails is not read again
}

// has reports whether the cache has a kind, and nothing failed so far.
func (r *reading) has(kind schema.GroupKind) bool {
	return r.loader.Kinds.Has(kind) && r.err == nil
}

func (r *reading) list(into client.ObjectList, o ...client.ListOption) {
	if r.err == nil {
		r.err = r.loader.Reader.List(r.ctx, into, append(o, client.UnsafeDisableDeepCopy)...)
	}
}

// entries are objects of one of Istio's kinds in some namespaces, each once; "" alone stands for all.
func (r *reading) entries(kind schema.GroupKind, namespaces ...string) []unstructured.Unstructured {
	if !r.has(kind) {
		return nil
	}
	var all []unstructured.Unstructured
	for i, namespace := range namespaces {
		if slices.Contains(namespaces[:i], namespace) || (namespace == "" && len(namespaces) > 1) {
			continue
		}
		list := &unstructured.UnstructuredList{}
		gvk, _ := r.loader.Kinds.version(kind)
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		r.list(list, client.InNamespace(namespace))
		all = append(all, list.Items...)
	}
	return all
}

// selected is the namespace whose workloads are selected, "" for all.
func (r *reading) selected() client.InNamespace {
	if r.loader.meshWide(r.aw) {
		return ""
	}
	return client.InNamespace(r.aw.Namespace)
}

func (r *reading) workloads() {
	if !r.has(Pods) {
		r.view.WorkloadsUnknown = true
		return
	}
	var pods corev1.PodList
	selector := r.aw.Spec.Selector.Labels()
	r.list(&pods, r.selected(), client.MatchingLabels(selector), client.Limit(maxWorkloads))
	r.pods = pods.Items
	r.view.MoreWorkloads = len(pods.Items) >= maxWorkloads
	for i := range pods.Items {
		if pod := &pods.Items[i]; !mesh.Ends(pod) {
			r.view.Workloads = append(r.view.Workloads, workloadOf(pod))
		}
	}
	entries := r.entries(WorkloadEntries, string(r.selected()))
	for _, entry := range entries {
		if w := workloadEntry(entry); selects(selector, w.Labels) {
			r.view.Workloads = append(r.view.Workloads, w)
		}
	}
	if len(r.view.Workloads) == 0 {
		r.view.OtherWorkloads = len(entries) > 0 || r.hasPods()
	}
}

// hasPods reports whether there are Pods where workloads are selected, whatever their labels.
func (r *reading) hasPods() bool {
	var pods corev1.PodList
	r.list(&pods, r.selected(), client.Limit(maxWorkloads))
	return slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return !mesh.Ends(&p) })
}

// services reads those that Check needs: those of the selected workloads, or all that may be called.
func (r *reading) services() {
	if len(r.aw.Spec.Filter.ApplyPorts) == 0 {
		return
	}
	outbound := r.aw.Spec.Filter.Context == v1alpha1.Outbound
	namespace := r.aw.Namespace
	if outbound {
		namespace = ""
	}
	r.view.ServicesUnknown = !r.has(Services) || !r.has(ServiceEntries)
	for _, s := range r.visibleServices(namespace) {
		if outbound || selectsAny(s.Spec.Selector, r.view.Workloads) {
			r.view.Services = append(r.view.Services, serviceOf(s))
		}
	}
	for _, entry := range r.entries(ServiceEntries, namespace) {
		if s := serviceEntry(entry); outbound || selectsAny(s.Selector, r.view.Workloads) {
			r.view.Services = append(r.view.Services, s)
		}
	}
	slices.SortFunc(r.view.Services, byName)
}

func (r *reading) visibleServices(namespace string) []*corev1.Service {
	if !r.has(Services) {
		return nil
	}
	var list corev1.ServiceList
	r.list(&list, client.InNamespace(namespace))
	visibles := make([]*corev1.Service, 0, len(list.Items))
	for i := range list.Items {
		if s := &list.Items[i]; visible(exportTo(s), s.Namespace, r.aw.Namespace) {
			visibles = append(visibles, s)
		}
	}
	return visibles
}

func (r *reading) istio() {
	root, home := r.loader.RootNamespace, istio.NamespaceOf(r.loader.Host)
	for _, entry := range oldestFirst(r.entries(Sidecars, r.aw.Namespace, root)) {
		r.view.Sidecars = append(r.view.Sidecars, sidecar(entry))
	}
	slices.SortStableFunc(r.view.Sidecars, selectorsFirst)
	if home == "" {
		return
	}
	for _, entry := range oldestFirst(r.entries(DestinationRules, r.aw.Namespace, home, root)) {
		r.view.DestinationRules = append(r.view.DestinationRules, destinationRule(entry, r.loader.Options))
	}
	for _, entry := range oldestFirst(r.entries(PeerAuthentications, home, root)) {
		r.view.PeerAuthentications = append(r.view.PeerAuthentications, peerAuthentication(entry))
	}
}

// server reads the module server's Service; there is none where wasmer does not run in the cluster.
func (r *reading) server() {
	key, ok := serviceKey(r.loader.Host)
	if !ok || !r.has(Services) {
		return
	}
	var service corev1.Service
	err := r.loader.Reader.Get(r.ctx, key, &service)
	if err != nil {
		r.err = client.IgnoreNotFound(err)
		return
	}
	server := &Server{ExportTo: exportTo(&service)}
	if r.has(Pods) && len(service.Spec.Selector) > 0 {
		var pods corev1.PodList
		r.list(&pods, client.InNamespace(key.Namespace), client.MatchingLabels(service.Spec.Selector))
		server.addPods(&service, pods.Items, r.loader.Port)
	}
	r.view.Server = server
}

// serviceKey is the Service that a host stands for.
func serviceKey(host string) (types.NamespacedName, bool) {
	name, _, _ := strings.Cut(host, ".")
	namespace := istio.NamespaceOf(host)
	return types.NamespacedName{Namespace: namespace, Name: name}, namespace != ""
}
