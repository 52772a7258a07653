package main

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/preflight"
)

// observable are the kinds of others that wasmer looks at to tell users what will
// not work, and what its cache keeps of them. Each may be missing.
var observable = map[schema.GroupKind]transform{
	preflight.Pods:                trimPod,
	preflight.Services:            trimService,
	preflight.ServiceEntries:      trimIstio("ports", "workloadSelector"),
	preflight.WorkloadEntries:     trimIstio("labels", "ports"),
	preflight.Sidecars:            trimIstio("workloadSelector", "egress", "ingress"),
	preflight.DestinationRules:    trimIstio("host", "trafficPolicy", "exportTo", "workloadSelector"),
	preflight.PeerAuthentications: trimIstio("selector", "mtls", "portLevelMtls"),
}

type transform = func(any) (any, error)

// observed are the kinds that the cluster has and wasmer may watch, in the version
// to watch: what is missing must keep nothing else from starting. It is found out
// once, before the cache is made, which would wait for ever.
type observed preflight.Kinds

// observe asks the API server which of the observable kinds can be watched.
func observe(ctx context.Context, config *rest.Config) (observed, error) {
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
	found := observed{}
	for kind := range observable {
		if err := found.ask(ctx, kind, mapper, reviews.SelfSubjectAccessReviews()); err != nil {
			return nil, fmt.Errorf("find out whether %s can be watched: %w", kind, err)
		}
	}
	return found, nil
}

func (f observed) ask(ctx context.Context, kind schema.GroupKind, mapper meta.RESTMapper, reviews authorization.SelfSubjectAccessReviewInterface) error {
	mapping, err := mapper.RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		ctrl.Log.Info("the cluster does not have the kind, so findings about it are left out", "kind", kind)
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
	f[kind] = mapping.GroupVersionKind
	return nil
}

// allowed asks whether wasmer may do so in every namespace. Who may not even ask may
// not.
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

// cached adds what is kept of the observed kinds to the options of a cache.
func (f observed) cached(options map[client.Object]cache.ByObject) {
	for kind := range f {
		options[preflight.Kinds(f).Object(kind)] = cache.ByObject{Transform: observable[kind]}
	}
}

// fill has the cache watch the observed kinds from its start.
func (f observed) fill(ctx context.Context, c cache.Cache) error {
	for kind := range f {
		if _, err := c.GetInformer(ctx, preflight.Kinds(f).Object(kind), cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("cache %s: %w", kind, err)
		}
	}
	return nil
}

// look returns what tells from the cache why a filter will not run.
func (f observed) look(mgr ctrl.Manager, o *options) *preflight.Loader {
	return &preflight.Loader{Reader: mgr.GetCache(), Kinds: preflight.Kinds(f), Options: preflight.Options{
		RootNamespace: o.rootNamespace, Host: istio.HostOf(o.cluster), Port: istio.PortOf(o.cluster),
	}}
}
