package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/validation"
)

// validator answers the validating webhook.
type validator struct {
	preflight preflights
	prepare   preparation
	generate  generation
	observe   observer
	rules     validation.Options
	// excluded are the namespaces that the webhook configurations leave out. Such a
	// request does not come from the API server, and must not have a secret used or a
	// filter staged where most harm is done.
	excluded []string
}

// NewValidator returns the handler of the validating webhook: validation.Validate, then
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
		rules:     validation.Options{OwnNamespace: o.OwnNamespace, RootNamespace: o.RootNamespace},
		excluded:  []string{o.OwnNamespace, o.RootNamespace, metav1.NamespaceSystem},
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
	if s.settled(v.rules) {
		return admission.Allowed("")
	}
	d := v.decide(ctx, s)
	return d.response(s.aw)
}

// decide goes one step further only while nothing speaks against it.
func (v *validator) decide(ctx context.Context, s subject) *decision {
	d := &decision{}
	d.errs, d.warnings = validation.Validate(s.aw, v.rules)
	if len(d.errs) > 0 {
		return d
	}
	if slices.Contains(v.excluded, s.aw.Namespace) {
		d.warn("namespace %s is served by wasmer's controller alone: the source is not checked at admission", text.Elide(s.aw.Namespace))
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
func (s subject) settled(rules validation.Options) bool {
	if s.aw.DeletionTimestamp != nil {
		return true
	}
	return s.old != nil && equality.Semantic.DeepEqual(s.old.Spec, s.aw.Spec) && len(validation.ValidateScope(s.aw, rules)) == 0
}

// sameSource reports whether an update leaves the source and its credentials alone.
func (s subject) sameSource() bool {
	return s.old != nil && s.old.Spec.Secret == s.aw.Spec.Secret &&
		equality.Semantic.DeepEqual(s.old.Spec.Filter.Source, s.aw.Spec.Filter.Source)
}
