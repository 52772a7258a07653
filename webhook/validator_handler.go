package webhook

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// validator answers the validating webhook.
type validator struct {
	preflight preflights
	prepare   preparation
	generate  generation
	observe   observer
	scope     scope
}

// NewValidator returns the handler of the validating webhook: Validate, then
// the preflight, the preparation of the module, and the generation of the EnvoyFilter. It denies with
// every error at once (422, one cause for each field), and only for what is terminal
// about the object.
func NewValidator(o Options) admission.Handler { return newValidator(o.withDefaults()) }

func newValidator(o Options) *validator {
	return &validator{
		preflight: preflights{o.Preflight},
		prepare:   preparation{fetcher: o.Fetcher, check: o.SourceCheck, budget: o.Budget},
		generate:  &generator{client: o.Client, reader: o.Reader, render: o.Render, stage: o.Stage, metrics: o.metrics},
		observe:   observer{webhook: "validate", metrics: o.metrics},
		scope:     scopeOf(o),
	}
}

// Handle answers one request.
func (v *validator) Handle(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := detached(ctx)
	defer cancel()
	return v.observe.handle(ctx, req, v.answer)
}

func (v *validator) answer(ctx context.Context, req admission.Request) admission.Response {
	if !concerns(req) {
		return admission.Allowed("")
	}
	if err := checkKind(req); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	s, err := subjectOf(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if s.settled(v.scope) {
		return admission.Allowed("")
	}
	d := v.decide(ctx, s)
	return d.response(s.aw)
}

// decide goes one step further only while nothing speaks against it.
func (v *validator) decide(ctx context.Context, s subject) *decision {
	d := &decision{}
	d.errs, d.warnings = validate(s.aw, v.scope)
	if len(d.errs) > 0 {
		return d
	}
	if v.scope.excludes(s.aw) {
		d.warn("namespace %s is served by wasmer's controller alone: the source is not checked at admission", shortened(s.aw.Namespace))
		return d
	}
	v.preflight.warn(ctx, s.aw, d)
	if module, ready := v.prepare.module(ctx, s, d); ready {
		v.generate.generate(ctx, s, module, d)
	}
	return d
}

// subject is what a validation is about.
type subject struct {
	aw *v1alpha1.AutoWasm
	// old is nil on a create.
	old *v1alpha1.AutoWasm
	// dryRun must leave nothing behind.
	dryRun bool
	// unnamed requests leave the name to the API server: the one that the object
	// has now is a candidate, which a collision replaces.
	unnamed bool
}

func subjectOf(req admission.Request) (subject, error) {
	aw, old, err := decode(req)
	if err != nil {
		return subject{}, fmt.Errorf("admission request %q: %w", req.UID, err)
	}
	return subject{aw: aw, old: old, dryRun: isDryRun(req), unnamed: req.Name == ""}, nil
}

// settled reports whether there is nothing to decide: an object that is being
// deleted must be let go, also with a spec that is no longer valid, and an update
// that leaves the spec alone changes nothing for a proxy, unless it takes away the
// permission to be where it is.
func (s subject) settled(in scope) bool {
	if s.aw.DeletionTimestamp != nil {
		return true
	}
	return s.old != nil && equality.Semantic.DeepEqual(s.old.Spec, s.aw.Spec) && len(in.refuses(s.aw)) == 0
}

// sameSource reports whether an update leaves the source and its credentials alone.
func (s subject) sameSource() bool {
	return s.old != nil && s.old.Spec.Secret == s.aw.Spec.Secret &&
		equality.Semantic.DeepEqual(s.old.Spec.Filter.Source, s.aw.Spec.Filter.Source)
}
