package webhook

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The reads of a namespace are bounded: defaults from its annotations are a
// convenience that no request waits long for. A cache that is not filled yet blocks,
// and must leave time for the live read.
const (
	namespaceTimeout = time.Second
	cacheTimeout     = 250 * time.Millisecond
)

// namespaceReader reads the annotations of namespaces: from the cache, and from
// the API server when the cache does not know the namespace, as it may not a
// moment after its creation.
type namespaceReader struct {
	cached, live client.Reader
}

func (r namespaceReader) annotations(ctx context.Context, name string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	namespace := namespaceMetadata()
	key := types.NamespacedName{Name: name}
	if r.fromCache(ctx, key, namespace) {
		return namespace.Annotations, nil
	}
	if err := r.live.Get(ctx, key, namespace); err != nil {
		return nil, fmt.Errorf("read the annotations of namespace %s: %w", name, err)
	}
	return namespace.Annotations, nil
}

func (r namespaceReader) fromCache(ctx context.Context, key types.NamespacedName, namespace client.Object) bool {
	ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
	defer cancel()
	return r.cached.Get(ctx, key, namespace) == nil
}

// namespaceMetadata asks for metadata alone: that is all the cache has to hold.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return namespace
}
