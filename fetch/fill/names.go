package fill

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/istio"
)

// IndexModule is the field index by which AutoWasms and EnvoyFilters are found by
// the sha256 of the module that they name.
const IndexModule = "wasm.tcm.io/module"

// IndexModules adds IndexModule to a cache. It must run before the cache starts.
func IndexModules(ctx context.Context, indexer client.FieldIndexer) error {
	for _, object := range []client.Object{&v1alpha1.AutoWasm{}, istio.NewEnvoyFilter()} {
		if err := indexer.IndexField(ctx, object, IndexModule, moduleOf); err != nil {
			return fmt.Errorf("index %T by module: %w", object, err)
		}
	}
	return nil
}

// moduleOf is the module that an object names, if it is one of ours.
func moduleOf(object client.Object) []string {
	sha256 := ""
	switch o := object.(type) {
	case *v1alpha1.AutoWasm:
		if o.Status.Module != nil {
			sha256 = o.Status.Module.SHA256
		}
	default:
		if o.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
			sha256 = o.GetAnnotations()[v1alpha1.AnnotationModule]
		}
	}
	if !module.IsSHA256(sha256) {
		return nil
	}
	return []string{sha256}
}

// References returns the modules that the status of an AutoWasm or an EnvoyFilter
// of ours names: those that proxies may ask for. An error means that some may be
// missing, so that nothing can be said of the others.
func References(ctx context.Context, reader client.Reader) (map[string]struct{}, error) {
	named := map[string]struct{}{}
	note := func(object client.Object) {
		for _, sha256 := range moduleOf(object) {
			named[sha256] = struct{}{}
		}
	}
	var autowasms v1alpha1.AutoWasmList
	if err := reader.List(ctx, &autowasms, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list AutoWasms: %w", err)
	}
	for i := range autowasms.Items {
		note(&autowasms.Items[i])
	}
	filters := istio.NewEnvoyFilterList()
	ours := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	if err := reader.List(ctx, filters, ours, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list EnvoyFilters: %w", err)
	}
	for i := range filters.Items {
		note(&filters.Items[i])
	}
	return named, nil
}
