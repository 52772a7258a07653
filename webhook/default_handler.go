package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// defaulter answers the mutating webhook. It works on the raw object, so that a
// field that this version does not know survives it.
type defaulter struct {
	namespaces namespaceReader
	observe    observer
}

// NewDefaulter returns the handler of the mutating webhook: Default over the raw
// object of a request, answered as a JSON patch, or without one when nothing is
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
	ports, secret, warnings := d.defaults(ctx, req, aw)
	before := outline(aw)
	if !fill(aw, ports, secret) {
		return admission.Allowed("").WithWarnings(warnings...)
	}
	patch, err := patchOf(before, outline(aw))
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("patch the object of the request: %w", err))
	}
	return admission.Patched("", patch...).WithWarnings(warnings...)
}

// defaults reads the namespace only where one of its annotations could fill
// something.
func (d *defaulter) defaults(ctx context.Context, req admission.Request, aw map[string]any) (ports []int64, secret string, warnings []string) {
	wantsPorts, wantsSecret := wanted(req, aw)
	if !wantsPorts && !wantsSecret {
		return nil, "", nil
	}
	annotations, err := d.namespaces.annotations(ctx, req.Namespace)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("Namespace not readable: its defaults are left out", "error", err.Error())
		return nil, "", []string{warning("namespace %s could not be read: no defaults were taken from its annotations", req.Namespace)}
	}
	if wantsPorts {
		ports, err = portsOf(annotations)
		warnings = appendIgnored(warnings, req.Namespace, v1alpha1.AnnotationDefaultPorts, err)
	}
	if wantsSecret {
		secret, err = secretOf(annotations)
		warnings = appendIgnored(warnings, req.Namespace, v1alpha1.AnnotationDefaultSecret, err)
	}
	return ports, secret, warnings
}

func appendIgnored(warnings []string, namespace, annotation string, err error) []string {
	if err == nil {
		return warnings
	}
	return append(warnings, warning("annotation %s of namespace %s is ignored: %v", annotation, namespace, err))
}

// wanted says which defaults of the namespace apply: those for what is absent and,
// on an update, was not absent before. A secret was not absent from an object whose
// source had no use for one.
func wanted(req admission.Request, aw map[string]any) (ports, secret bool) {
	o, ok := objectOf(aw)
	if !ok || o.deleting() {
		return false, false
	}
	ports, secret = o.lacksPorts(), o.lacksSecret()
	if req.Operation != admissionv1.Update || (!ports && !secret) {
		return ports, secret
	}
	old, err := decodeRaw(req.OldObject.Raw)
	if err != nil {
		return false, false
	}
	before, _ := objectOf(old)
	return ports && !before.lacksPorts(), secret && !before.lacksSecret()
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
