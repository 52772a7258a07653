// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/render"
)

// The paths of the webhooks.
const (
	MutatePath   = "/mutate-autowasm"
	ValidatePath = "/validate-autowasm"
)

// SourceCheck says what a terminal failure of a source does to an admission.
type SourceCheck string

// The source checks.
const (
	// Enforce denies: the object would never work as it is.
	Enforce SourceCheck = "Enforce"
	// Warn admits with a warning; the controller reports the failure in the status.
	Warn SourceCheck = "Warn"
	// Off does not resolve the source, and so stages nothing: all is left to the controller.
	Off SourceCheck = "Off"
)

// DefaultBudget is how long an admission waits for a module.
const DefaultBudget = 3 * time.Second

// Fetcher brings modules into the store. A *fetch.Fetcher is one.
type Fetcher interface {
	// Ensure resolves a source and has its module in the store when it returns. Its errors are classified by package
	// failure; when ctx ends first, the work goes on without the caller.
	Ensure(ctx context.Context, r source.Request) (fetch.Module, error)
}

// Options are what the handlers need.
type Options struct {
	// Client writes EnvoyFilters and reads cached Namespaces; Reader reads live. SetupWithManager sets both.
	Client client.Client
	Reader client.Reader
	// Fetcher is required by the validator unless SourceCheck is Off.
	Fetcher Fetcher
	// Preflight finds what keeps a filter from running, without a wait; nil finds nothing.
	Preflight Preflight
	// Schemas reads the schemas that modules carry; nil reads none.
	Schemas Schemas
	// Trials tries modules; nil tries none.
	Trials Trials
	// Render says where the proxies load modules from.
	Render render.Options
	// SourceCheck is as Enforce when empty.
	SourceCheck SourceCheck
	// ConfigSchema says the same of a configuration that the schema in the module refuses.
	ConfigSchema SourceCheck
	// ModuleTrial says the same of a module that a trial refuses.
	ModuleTrial SourceCheck
	// Stage creates the EnvoyFilter at admission; without it there is only a dry run, and the controller creates it.
	Stage bool
	// Budget is how long an admission waits for a module; DefaultBudget when 0. The write of the EnvoyFilter has a
	// limit of its own, so the timeoutSeconds of the webhook configuration must be some seconds longer.
	Budget time.Duration
	// OwnNamespace is the server's namespace, and RootNamespace that of Istio's mesh-wide configuration. No module is
	// fetched and nothing is staged for an AutoWasm in one of them, or in kube-system: it gets the pure checks and a
	// warning, and is left to the controller. The webhook configurations should leave these namespaces out; an
	// AutoWasm in RootNamespace also has to carry AnnotationAllowMeshWide. "" is no namespace.
	OwnNamespace, RootNamespace string

	metrics *metrics
}

// SetupWithManager registers both webhooks with the manager's webhook server, and their metrics with
// controller-runtime's registry. It fails when the Namespaces cannot be cached, or nothing can be rendered with
// o.Render: every object would be denied for it.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	o.Client, o.Reader = mgr.GetClient(), mgr.GetAPIReader()
	if err := checkRender(o.Render); err != nil {
		return err
	}
	// With an informer from now on, the Namespaces are cached before the first request.
	if _, err := mgr.GetCache().GetInformer(context.Background(), namespaceMetadata(), cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("cache the Namespaces for defaults: %w", err)
	}
	if o.metrics == nil {
		o.metrics = newMetrics(ctrlmetrics.Registry)
	}
	server := mgr.GetWebhookServer()
	server.Register(MutatePath, newWebhook(newDefaulter(o)))
	server.Register(ValidatePath, newWebhook(newValidator(o)))
	return nil
}

// checkRender renders an object that is fine, so that what fails is the options.
func checkRender(o render.Options) error {
	sample := &v1alpha1.AutoWasm{}
	sample.Namespace, sample.Name = "default", "sample"
	if _, err := render.EnvoyFilter(sample, render.Module{SHA256: strings.Repeat("0", 64)}, o); err != nil {
		return fmt.Errorf("check how modules are served: %w", err)
	}
	return nil
}

func newWebhook(handler admission.Handler) *admission.Webhook {
	return &admission.Webhook{Handler: handler, WithContextFunc: withDeadline, LogConstructor: limitedLog(rate.NewLimiter(badRequestRate, badRequestBurst))}
}

// badRequestRate and badRequestBurst are how many lines what is no request can have logged, per second and at once.
const (
	badRequestRate  = 10
	badRequestBurst = 100
)

// limitedLog returns the loggers of a webhook. What is no request has none, and whoever reaches the port can send it.
func limitedLog(limit *rate.Limiter) func(logr.Logger, *admission.Request) logr.Logger {
	return func(base logr.Logger, req *admission.Request) logr.Logger {
		if req == nil && !limit.Allow() {
			return logr.Discard()
		}
		return admission.DefaultLogConstructor(base, req)
	}
}
