package preflight

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

// The kinds that are read. A cluster may lack each of them.
var (
	Pods                = schema.GroupKind{Kind: "Pod"}
	Services            = schema.GroupKind{Kind: kindService}
	ServiceEntries      = schema.GroupKind{Group: "networking.istio.io", Kind: kindServiceEntry}
	WorkloadEntries     = schema.GroupKind{Group: "networking.istio.io", Kind: "WorkloadEntry"}
	Sidecars            = schema.GroupKind{Group: "networking.istio.io", Kind: "Sidecar"}
	DestinationRules    = schema.GroupKind{Group: "networking.istio.io", Kind: "DestinationRule"}
	PeerAuthentications = schema.GroupKind{Group: "security.istio.io", Kind: "PeerAuthentication"}
)

const (
	kindService      = "Service"
	kindServiceEntry = "ServiceEntry"
)

// Kinds are those that the cluster has and wasmer may watch, in the version to watch.
type Kinds map[schema.GroupKind]schema.GroupVersionKind

// Discover asks the API server which of the kinds can be watched, and logs which cannot. It is called once, before
// the cache is made, because a cache waits for ever for a kind that does not exist.
func Discover(ctx context.Context, config *rest.Config) (Kinds, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server: %w", err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a mapper of the API server's kinds: %w", err)
	}
	reviews, err := authorization.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client for access reviews: %w", err)
	}
	found := Kinds{}
	for kind := range transforms {
		if err := found.discover(ctx, kind, mapper, reviews.SelfSubjectAccessReviews()); err != nil {
			return nil, fmt.Errorf("find out whether %s can be watched: %w", kind, err)
		}
	}
	return found, nil
}

func (k Kinds) discover(ctx context.Context, kind schema.GroupKind, mapper meta.RESTMapper, reviews authorization.SelfSubjectAccessReviewInterface) error {
	mapping, err := mapper.RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		ctrl.Log.Info("The cluster does not have the kind, so findings about it are left out", "kind", kind)
		return nil
	}
	if err != nil {
		return err
	}
	for _, verb := range []string{"list", "watch"} {
		if ok, err := allowed(ctx, reviews, verb, mapping.Resource); err != nil || !ok {
			ctrl.Log.Info("wasmer may not watch the kind, so findings about it are left out: see its ClusterRole", "kind", kind, "verb", verb)
			return err
		}
	}
	k[kind] = mapping.GroupVersionKind
	return nil
}

// allowed asks whether wasmer may do so in every namespace. It may not if it is forbidden to ask.
func allowed(ctx context.Context, reviews authorization.SelfSubjectAccessReviewInterface, verb string, r schema.GroupVersionResource) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: r.Group, Version: r.Version, Resource: r.Resource},
	}}
	answer, err := reviews.Create(ctx, review, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// Object returns an empty object of one of the kinds, as the cache is asked for it: Istio's are untyped, so that a
// value that a newer Istio knows does not keep the cache from being filled.
func (k Kinds) Object(kind schema.GroupKind) client.Object {
	switch kind {
	case Pods:
		return &corev1.Pod{}
	case Services:
		return &corev1.Service{}
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(k[kind])
	return object
}

// AddTo adds to the options of a cache what it keeps of the kinds.
func (k Kinds) AddTo(options map[client.Object]cache.ByObject) {
	for kind := range k {
		options[k.Object(kind)] = cache.ByObject{Transform: transforms[kind]}
	}
}

// Fill has the cache watch the kinds from its start.
func (k Kinds) Fill(ctx context.Context, c cache.Cache) error {
	for kind := range k {
		if _, err := c.GetInformer(ctx, k.Object(kind), cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("cache %s: %w", kind, err)
		}
	}
	return nil
}

// transforms say what the cache keeps of each kind: what is read of it. A transform may be handed what it returned
// before, and things of other types, such as tombstones, which it leaves alone.
var transforms = map[schema.GroupKind]toolscache.TransformFunc{
	Pods:                mesh.TrimPod,
	Services:            trimService,
	ServiceEntries:      trimSpec("ports", "workloadSelector"),
	WorkloadEntries:     trimSpec("labels", "ports"),
	Sidecars:            trimSpec("workloadSelector", "egress", "ingress"),
	DestinationRules:    trimSpec("host", "trafficPolicy", "exportTo", "workloadSelector"),
	PeerAuthentications: trimSpec("selector", "mtls", "portLevelMtls"),
}

func trimService(object any) (any, error) {
	service, ok := object.(*corev1.Service)
	if !ok {
		return object, nil
	}
	return &corev1.Service{
		TypeMeta:   service.TypeMeta,
		ObjectMeta: mesh.TrimMeta(service.ObjectMeta, istio.AnnotationExportTo),
		Spec:       corev1.ServiceSpec{Selector: service.Spec.Selector, Ports: service.Spec.Ports},
	}, nil
}

// trimSpec keeps the given fields of the spec of an object of Istio's.
func trimSpec(fields ...string) toolscache.TransformFunc {
	return func(object any) (any, error) {
		u, ok := object.(*unstructured.Unstructured)
		if !ok {
			return object, nil
		}
		kept := &unstructured.Unstructured{Object: map[string]any{}}
		kept.SetGroupVersionKind(u.GroupVersionKind())
		kept.SetNamespace(u.GetNamespace())
		kept.SetName(u.GetName())
		kept.SetUID(u.GetUID())
		kept.SetResourceVersion(u.GetResourceVersion())
		kept.SetCreationTimestamp(u.GetCreationTimestamp())
		kept.SetLabels(u.GetLabels())
		kept.Object["spec"] = only(u.Object["spec"], fields)
		return kept, nil
	}
}

func only(spec any, fields []string) map[string]any {
	kept := map[string]any{}
	from, _ := spec.(map[string]any)
	for _, field := range fields {
		if value, ok := from[field]; ok {
			kept[field] = value
		}
	}
	return kept
}
