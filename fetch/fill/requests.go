package fill

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// maxRequests bounds the sources of one module that are tried.
const maxRequests = 8

// requests returns how to get a module from the sources of those who name it, each
// with the credentials of its own AutoWasm, at most maxRequests.
func requests(ctx context.Context, reader client.Reader, sha256 string) ([]source.Request, error) {
	named := client.MatchingFields{IndexModule: sha256}
	var autowasms v1alpha1.AutoWasmList
	if err := reader.List(ctx, &autowasms, named); err != nil {
		return nil, fmt.Errorf("find the AutoWasms of module %s: %w", sha256, err)
	}
	var found []source.Request
	for i := range autowasms.Items {
		aw := &autowasms.Items[i]
		found = add(found, source.RequestFor(aw).Exactly(source.Pin{SHA256: sha256, Reference: aw.Status.Module.Reference}))
	}
	filters := istio.NewEnvoyFilterList()
	if err := reader.List(ctx, filters, named); err != nil {
		return nil, fmt.Errorf("find the EnvoyFilters of module %s: %w", sha256, err)
	}
	for i := range filters.Items {
		if len(found) >= maxRequests {
			break
		}
		aw, err := owner(ctx, reader, &filters.Items[i])
		if err != nil {
			return nil, err
		}
		if aw != nil {
			found = add(found, source.RequestFor(aw).Exactly(source.Pin{SHA256: sha256, Reference: render.ProvenanceOf(&filters.Items[i]).Reference}))
		}
	}
	return found[:min(len(found), maxRequests)], nil
}

// add appends a request that is not there yet.
func add(found []source.Request, r source.Request) []source.Request {
	for _, f := range found {
		if f.Namespace == r.Namespace && f.Secret == r.Secret && source.SourceID(f.Source) == source.SourceID(r.Source) {
			return found
		}
	}
	return append(found, r)
}

// owner is the AutoWasm of an EnvoyFilter, nil when there is none: it has the same
// name and namespace, whatever the annotations say.
func owner(ctx context.Context, reader client.Reader, filter client.Object) (*v1alpha1.AutoWasm, error) {
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
