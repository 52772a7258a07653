// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/validation"
)

// defaulter answers the mutating webhook. It works on the raw object: a field that this version does not know survives.
type defaulter struct {
	namespaces namespaceReader
	instrument instrument
}

// newDefaulter returns the handler of the mutating webhook: validation.Default over the raw object of a request,
// answered as a JSON patch. It never denies for what is in the object; that is the validator's work.
func newDefaulter(o Options) *defaulter {
	return &defaulter{
		namespaces: namespaceReader{cached: o.Client, live: o.Reader},
		instrument: instrument{webhook: "mutate", metrics: o.metrics},
	}
}

// Handle answers one request.
func (d *defaulter) Handle(ctx context.Context, req admission.Request) admission.Response {
	return handle(ctx, req, d.instrument, d.answer)
}

func (d *defaulter) answer(ctx context.Context, req admission.Request) admission.Response {
	aw, err := decodeRaw(req.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("read the object of the request: %w", err))
	}
	old := oldOf(req, aw)
	defaults, warnings := d.namespaceDefaults(ctx, req, aw, old)
	changes := validation.Default(aw, old, defaults)
	warnings = append(warnings, validation.Followed(req.Namespace, aw, old, changes)...)
	patch := patchOf(changes)
	if len(patch) == 0 {
		return admission.Allowed("").WithWarnings(warnings...)
	}
	return admission.Patched("", patch...).WithWarnings(warnings...)
}

func patchOf(changes []validation.Change) []jsonpatch.Operation {
	patch := make([]jsonpatch.Operation, len(changes))
	for i, c := range changes {
		patch[i] = jsonpatch.NewOperation(c.Operation, c.Path, c.Value)
	}
	return patch
}

// oldOf returns nil on a create. An update whose old object cannot be read is one of itself: nothing is known of before.
func oldOf(req admission.Request, aw map[string]any) map[string]any {
	if req.Operation != admissionv1.Update {
		return nil
	}
	old, err := decodeRaw(req.OldObject.Raw)
	if err != nil {
		return aw
	}
	return old
}

// namespaceDefaults reads the namespace only where one of its annotations could fill something.
func (d *defaulter) namespaceDefaults(ctx context.Context, req admission.Request, aw, old map[string]any) (validation.NamespaceDefaults, []string) {
	fields := validation.NamespaceFieldsOf(aw, old)
	if !fields.Any() {
		return validation.NamespaceDefaults{}, nil
	}
	annotations, err := d.namespaces.annotations(ctx, req.Namespace)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Left out the defaults of a namespace that cannot be read", "namespace", req.Namespace, "err", err)
		return validation.NamespaceDefaults{}, []string{validation.Warning("namespace %s could not be read: no defaults were taken from its annotations", req.Namespace)}
	}
	return validation.NamespaceDefaultsOf(req.Namespace, annotations, fields)
}

// The reads of a namespace are bounded: defaults from its annotations are a convenience that no request waits long
// for. A cache that is not filled yet blocks, and must leave time for the live read.
const (
	namespaceTimeout = time.Second
	cacheTimeout     = 250 * time.Millisecond
)

// namespaceReader reads namespaces: from the cache, and from the API server when the cache does not know one, as it may
// not a moment after its creation.
type namespaceReader struct {
	cached, live client.Reader
}

func (r namespaceReader) annotations(ctx context.Context, name string) (map[string]string, error) {
	namespace, err := r.read(ctx, name)
	if err != nil {
		return nil, err
	}
	return namespace.Annotations, nil
}

// exists is true as well when it cannot be known: that is no fault of the object.
func (r namespaceReader) exists(ctx context.Context, name string) bool {
	_, err := r.read(ctx, name)
	return !apierrors.IsNotFound(err)
}

func (r namespaceReader) read(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	namespace := namespaceMetadata()
	key := types.NamespacedName{Name: name}
	if r.fromCache(ctx, key, namespace) {
		return namespace, nil
	}
	if err := r.live.Get(ctx, key, namespace); err != nil {
		return nil, fmt.Errorf("read namespace %s: %w", name, err)
	}
	return namespace, nil
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
