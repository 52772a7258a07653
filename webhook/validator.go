// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/internal/fairness"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/validation"
)

// Preflight finds what of the cluster keeps the filter of an AutoWasm from running. A *preflight.Loader is one.
type Preflight interface {
	Findings(ctx context.Context, aw *v1alpha1.AutoWasm) ([]preflight.Finding, error)
}

const (
	// preflightTimeout bounds the read of caches that are not filled yet, and of istiod: an admission does not wait for
	// advice.
	preflightTimeout = 300 * time.Millisecond
	// maxFindings bounds the warnings, since the API server drops those that are too much. The status has all.
	maxFindings = 5
)

// validator answers the validating webhook.
type validator struct {
	instrument instrument
	rules      validation.Options
	// excluded are the namespaces that the webhook configurations leave out. Such a request does not come from the
	// API server, and must not have a secret used or a filter staged where most harm is done.
	excluded []string
	// namespaceExists is false for what no API server asks about: each namespace has a share of its own in what is fetched
	// and kept, and a caller who makes names up would have all.
	namespaceExists func(ctx context.Context, name string) bool
	preflight       Preflight
	source          sourceCheck
	schema          schemaCheck
	trial           trialCheck
	// stage makes the EnvoyFilter of an object whose module is in the store.
	stage func(context.Context, request, fetch.Module, *response)
}

// newValidator returns the handler of the validating webhook. It denies with every error at once (one cause for each field),
// and only for what is terminal: with 422 what is wrong about the object alone, with 403 what comes of what is around it.
func newValidator(o Options) *validator {
	return &validator{
		instrument:      instrument{webhook: "validate", metrics: o.metrics},
		rules:           validation.Options{OwnNamespace: o.OwnNamespace, RootNamespace: o.RootNamespace},
		excluded:        []string{o.OwnNamespace, o.RootNamespace, metav1.NamespaceSystem},
		namespaceExists: namespaceReader{cached: o.Client, live: o.Reader}.exists,
		preflight:       o.Preflight,
		source:          sourceCheck{fetcher: o.Fetcher, mode: o.SourceCheck, budget: cmp.Or(o.Budget, DefaultBudget)},
		schema:          schemaCheck{schemas: o.Schemas, mode: o.ConfigSchema, limiter: fairness.NewLimiter(maxValidations)},
		trial:           trialCheck{trials: o.Trials, mode: o.ModuleTrial, untried: o.metrics.untried},
		stage:           newStager(o).stage,
	}
}

// Handle answers one request.
func (v *validator) Handle(ctx context.Context, req admission.Request) admission.Response {
	return handle(ctx, req, v.instrument, v.answer)
}

func (v *validator) answer(ctx context.Context, req admission.Request) admission.Response {
	r, err := decodeRequest(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if r.changesNothing(v.rules) {
		return admission.Allowed("")
	}
	return v.validate(ctx, r).build(r.aw)
}

// validate takes each step only when no step before it denies.
func (v *validator) validate(ctx context.Context, r request) *response {
	resp := &response{}
	resp.invalid, resp.warnings = validation.Validate(r.aw, v.rules)
	if resp.denied() {
		return resp
	}
	if slices.Contains(v.excluded, r.aw.Namespace) {
		resp.warn("namespace %s is served by wasmer's controller alone: the source is not checked at admission", text.Elide(r.aw.Namespace))
		return resp
	}
	if !v.namespaceExists(ctx, r.aw.Namespace) {
		resp.deny(field.NotFound(field.NewPath("metadata", "namespace"), text.Elide(r.aw.Namespace)))
		return resp
	}
	v.findings(ctx, r, resp)
	if resp.denied() {
		return resp
	}
	module, ok := v.source.module(ctx, r, resp)
	if !ok {
		return resp
	}
	if v.schema.validate(ctx, r, module, resp); resp.denied() {
		return resp
	}
	if v.trial.try(ctx, r, module, resp); resp.denied() {
		return resp
	}
	warnOfCompilation(r, module, resp)
	v.stage(ctx, r, module, resp)
	return resp
}

const (
	// longCompilation is how long a proxy may compile a module without a warning.
	longCompilation = 10 * time.Second
	// silenceLimit is how long a proxy may be silent before Istio's readiness probe takes its Pod out of its Service: four
	// failures, 15 seconds apart.
	silenceLimit = 45 * time.Second
)

// warnOfCompilation warns of a module that is new to the object's proxies and holds their main threads for long. All of
// them compile it at the same moment, and show nothing meanwhile, not even that they are ready.
func warnOfCompilation(r request, m fetch.Module, resp *response) {
	took := m.CompileTime()
	if took <= longCompilation || r.old != nil && r.old.Status.Module != nil && r.old.Status.Module.SHA256 == m.SHA256 {
		return
	}
	resp.warn("each proxy compiles this module for %.0f s, silent meanwhile: with less than %.2f CPU all Pods leave their Service",
		took.Seconds(), took.Seconds()/silenceLimit.Seconds())
}

// findings warns of what is missing, which may come. A preflight that fails is no fault of the object.
func (v *validator) findings(ctx context.Context, r request, resp *response) {
	if v.preflight == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	findings, err := v.preflight.Findings(ctx, r.aw)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Admitted without the findings of the preflight", "err", err.Error())
		return
	}
	news := slices.DeleteFunc(slices.Clone(findings), r.repeats)
	for _, f := range news[:min(len(news), maxFindings)] {
		if f.Refused && !r.inForce() {
			path := field.NewPath("spec", "filter", "proxyVersion")
			resp.deny(field.Invalid(path, r.aw.Spec.Filter.ProxyVersion, detail(f.Message+preflight.RefusedBy)))
			continue
		}
		resp.warn("%s", f.Message)
	}
}
