// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// IndexModule is the field index of AutoWasms and EnvoyFilters by the sha256 of the module that they reference.
const IndexModule = "wasm.tcm.io/module"

// IndexModules adds IndexModule to a cache. It must run before the cache starts.
func IndexModules(ctx context.Context, indexer client.FieldIndexer) error {
	for _, object := range []client.Object{&v1alpha1.AutoWasm{}, istio.NewEnvoyFilter()} {
		if err := indexer.IndexField(ctx, object, IndexModule, referenceOf); err != nil {
			return fmt.Errorf("index %T by module: %w", object, err)
		}
	}
	return nil
}

// referenceOf is the module that the status of an AutoWasm or an EnvoyFilter of ours references.
func referenceOf(object client.Object) []string {
	sha256 := ""
	switch o := object.(type) {
	case *v1alpha1.AutoWasm:
		if o.Status.Module != nil {
			sha256 = o.Status.Module.SHA256
		}
	default:
		if render.IsLabelled(o) {
			sha256 = o.GetAnnotations()[v1alpha1.AnnotationModule]
		}
	}
	if !v1alpha1.IsSHA256(sha256) {
		return nil
	}
	return []string{sha256}
}

// References returns the modules that the status of an AutoWasm or an EnvoyFilter of ours references: those that
// proxies may request. An error means that some may be missing, so that nothing can be said of the others.
func References(ctx context.Context, reader client.Reader) (sets.Set[string], error) {
	found := sets.New[string]()
	var autowasms v1alpha1.AutoWasmList
	if err := reader.List(ctx, &autowasms, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list AutoWasms: %w", err)
	}
	for i := range autowasms.Items {
		found.Insert(referenceOf(&autowasms.Items[i])...)
	}
	filters := istio.NewEnvoyFilterList()
	ours := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	if err := reader.List(ctx, filters, ours, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list EnvoyFilters: %w", err)
	}
	for i := range filters.Items {
		found.Insert(referenceOf(&filters.Items[i])...)
	}
	return found, nil
}

// maxRequests bounds the sources of one module that are tried.
const maxRequests = 8

// requestsFor returns how to get a module from the sources of those who reference it, each with its own credentials.
func requestsFor(ctx context.Context, reader client.Reader, sha256 string) ([]source.Request, error) {
	referencing := client.MatchingFields{IndexModule: sha256}
	var autowasms v1alpha1.AutoWasmList
	if err := reader.List(ctx, &autowasms, referencing); err != nil {
		return nil, fmt.Errorf("find the AutoWasms of module %s: %w", sha256, err)
	}
	var found []source.Request
	for i := range autowasms.Items {
		aw := &autowasms.Items[i]
		found = addRequest(found, aw, source.Pin{SHA256: sha256, Reference: aw.Status.Module.Reference})
	}
	filters := istio.NewEnvoyFilterList()
	if err := reader.List(ctx, filters, referencing); err != nil {
		return nil, fmt.Errorf("find the EnvoyFilters of module %s: %w", sha256, err)
	}
	for i := 0; i < len(filters.Items) && len(found) < maxRequests; i++ {
		aw, err := ownerOf(ctx, reader, &filters.Items[i])
		if err != nil {
			return nil, err
		}
		if aw != nil {
			found = addRequest(found, aw, source.Pin{SHA256: sha256, Reference: render.ProvenanceOf(&filters.Items[i]).Reference})
		}
	}
	return found[:min(len(found), maxRequests)], nil
}

// addRequest appends the request of an AutoWasm for a pin, unless it is there.
func addRequest(found []source.Request, aw *v1alpha1.AutoWasm, p source.Pin) []source.Request {
	r := source.RequestFor(aw).Exactly(p)
	r.Referenced = true
	for _, f := range found {
		if f.Namespace == r.Namespace && f.Secret == r.Secret && source.SourceID(f.Source) == source.SourceID(r.Source) {
			return found
		}
	}
	return append(found, r)
}

// ownerOf is the AutoWasm of an EnvoyFilter's name and namespace, whatever its annotations say; nil without one.
func ownerOf(ctx context.Context, reader client.Reader, filter client.Object) (*v1alpha1.AutoWasm, error) {
	var aw v1alpha1.AutoWasm
	err := reader.Get(ctx, client.ObjectKeyFromObject(filter), &aw)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the AutoWasm of EnvoyFilter %s: %w", client.ObjectKeyFromObject(filter), err)
	}
	return &aw, nil
}
