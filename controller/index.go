package controller

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The field indexes by which an AutoWasm is found from what it depends on.
const (
	// IndexSecret indexes AutoWasms by the name of their pull secret.
	IndexSecret = "spec.secret"
	// IndexConfigMap indexes AutoWasms by the name of the ConfigMap that their
	// module comes from.
	IndexConfigMap = "spec.filter.source.configMap.name"
)

func secretOf(object client.Object) []string {
	aw, ok := object.(*v1alpha1.AutoWasm)
	if !ok || aw.Spec.Secret == "" {
		return nil
	}
	return []string{aw.Spec.Secret}
}

func configMapOf(object client.Object) []string {
	aw, ok := object.(*v1alpha1.AutoWasm)
	if !ok || aw.Spec.Filter.Source.ConfigMap == nil {
		return nil
	}
	return []string{aw.Spec.Filter.Source.ConfigMap.Name}
}

// addIndexes must run before the cache starts.
func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for field, values := range map[string]client.IndexerFunc{IndexSecret: secretOf, IndexConfigMap: configMapOf} {
		if err := indexer.IndexField(ctx, &v1alpha1.AutoWasm{}, field, values); err != nil {
			return fmt.Errorf("index AutoWasms by %s: %w", field, err)
		}
	}
	return nil
}
