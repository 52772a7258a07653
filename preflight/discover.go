// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Discover asks the API server which of the kinds can be watched, and logs which cannot. It is called before the cache is
// made, because a cache waits for ever for a kind that does not exist. Arrivals finds those that come later.
func Discover(ctx context.Context, config *rest.Config) (*Kinds, error) {
	d, err := newDiscovery(config)
	if err != nil {
		return nil, err
	}
	kinds := NewKinds()
	for kind := range transforms {
		gvk, err := d.find(ctx, kind)
		switch {
		case errors.Is(err, errAbsent):
			ctrl.Log.Info("The cluster does not have the kind, so findings about it are left out until it has", "kind", kind)
			kinds.absent[kind] = true
		case errors.Is(err, errForbidden):
			logForbidden(kind, err)
		case err != nil:
			return nil, err
		default:
			kinds.found[kind] = gvk
		}
	}
	return kinds, nil
}

func logForbidden(kind schema.GroupKind, err error) {
	ctrl.Log.Info("wasmer may not watch the kind, so findings about it are left out: see its ClusterRole", "kind", kind, "err", err.Error())
}

// discovery is what the API server says of kinds at one time: what it has answered once is not requested again.
type discovery struct {
	mapper  meta.RESTMapper
	reviews authorization.SelfSubjectAccessReviewInterface
}

func newDiscovery(config *rest.Config) (*discovery, error) {
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
	return &discovery{mapper: mapper, reviews: reviews.SelfSubjectAccessReviews()}, nil
}

// These are why a kind is not found, and no failure.
var (
	errAbsent    = errors.New("the cluster does not have it")
	errForbidden = errors.New("wasmer may not")
)

// find returns the version in which to watch a kind, errAbsent, errForbidden, or that the API server did not answer.
func (d *discovery) find(ctx context.Context, kind schema.GroupKind) (schema.GroupVersionKind, error) {
	mapping, err := d.mapper.RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		return schema.GroupVersionKind{}, errAbsent
	}
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("find out whether the cluster has %s: %w", kind, err)
	}
	for _, verb := range []string{"list", "watch"} {
		ok, err := d.allowed(ctx, verb, mapping.Resource)
		if err != nil {
			return schema.GroupVersionKind{}, fmt.Errorf("find out whether wasmer may %s %s: %w", verb, kind, err)
		}
		if !ok {
			return schema.GroupVersionKind{}, fmt.Errorf("%w %s it", errForbidden, verb)
		}
	}
	return mapping.GroupVersionKind, nil
}

// allowed asks whether wasmer may do so in every namespace. It may not if it is forbidden to ask.
func (d *discovery) allowed(ctx context.Context, verb string, r schema.GroupVersionResource) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: r.Group, Version: r.Version, Resource: r.Resource},
	}}
	answer, err := d.reviews.Create(ctx, review, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}
