package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/validation"
)

// defaulter answers the mutating webhook. It works on the raw object, so that a
// field that this version does not know survives it.
type defaulter struct {
	namespaces namespaceReader
	observe    observer
}

// NewDefaulter returns the handler of the mutating webhook: validation.Default over the
// raw object of a request, answered as a JSON patch, or without one when nothing is
// absent. It never denies for what is in the object; that is the validator's work.
//
// An annotation of the namespace that cannot be read is ignored with a warning.
// On an update, an annotation fills only what the object had before: one that was
// added later does not change a filter that was admitted without it.
func NewDefaulter(o Options) admission.Handler {
	o = o.withDefaults()
	return &defaulter{
		namespaces: namespaceReader{cached: o.Client, live: o.Reader},
		observe:    observer{webhook: "mutate", metrics: o.metrics},
	}
}

// Handle answers one request.
func (d *defaulter) Handle(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := detached(ctx)
	defer cancel()
	return d.observe.handle(ctx, req, d.answer)
}

func (d *defaulter) answer(ctx context.Context, req admission.Request) admission.Response {
	if !concerns(req) {
		return admission.Allowed("")
	}
	if err := checkKind(req); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	aw, err := decodeRaw(req.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("read the object of the request: %w", err))
	}
	return d.patch(ctx, req, aw)
}

func (d *defaulter) patch(ctx context.Context, req admission.Request, aw map[string]any) admission.Response {
	defaults, warnings := d.namespaceDefaults(ctx, req, aw)
	var patch []jsonpatch.Operation
	for _, filled := range validation.Default(aw, defaults) {
		patch = append(patch, jsonpatch.NewOperation("add", filled.Path, filled.Value))
	}
	if patch == nil {
		return admission.Allowed("").WithWarnings(warnings...)
	}
	return admission.Patched("", patch...).WithWarnings(warnings...)
}

// namespaceDefaults reads the namespace only where one of its annotations could fill
// something.
func (d *defaulter) namespaceDefaults(ctx context.Context, req admission.Request, aw map[string]any) (validation.NamespaceDefaults, []string) {
	fields := namespaceFields(req, aw)
	if !fields.Any() {
		return validation.NamespaceDefaults{}, nil
	}
	annotations, err := d.namespaces.annotations(ctx, req.Namespace)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("Left out the defaults of a namespace that cannot be read", "namespace", req.Namespace, "err", err)
		return validation.NamespaceDefaults{}, []string{validation.Warning("namespace %s could not be read: no defaults were taken from its annotations", req.Namespace)}
	}
	return validation.NamespaceDefaultsOf(req.Namespace, annotations, fields)
}

// namespaceFields takes nothing from the namespace on an update whose old object
// cannot be read.
func namespaceFields(req admission.Request, aw map[string]any) validation.NamespaceFields {
	if req.Operation != admissionv1.Update {
		return validation.NamespaceFieldsOf(aw, nil)
	}
	old, err := decodeRaw(req.OldObject.Raw)
	if err != nil {
		return validation.NamespaceFields{}
	}
	return validation.NamespaceFieldsOf(aw, old)
}

// decodeRaw keeps numbers as they were written.
func decodeRaw(raw []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	if object == nil {
		return nil, errors.New("there is no object")
	}
	return object, nil
}
