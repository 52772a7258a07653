package webhook

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/render"
)

// SourceCheck says what a terminal failure of a source does to an admission.
type SourceCheck string

// The source checks.
const (
	// Enforce denies: the object would never work as it is. The default.
	Enforce SourceCheck = "Enforce"
	// Warn admits with a warning; the controller reports the failure in the status.
	Warn SourceCheck = "Warn"
	// Off does not look at the source, and so stages nothing: all is left to the
	// controller.
	Off SourceCheck = "Off"
)

// DefaultBudget is how long an admission waits for a module.
const DefaultBudget = 3 * time.Second

// Preparer resolves a source and has its module in the store when it returns. Its
// errors are classified by package failure; when ctx ends first, the work goes on
// without the caller.
type Preparer interface {
	Ensure(ctx context.Context, r source.Request) (fetch.Module, error)
}

// Options are what the handlers need.
type Options struct {
	// Client writes EnvoyFilters, and reads Namespaces from a cache. Required.
	Client client.Client
	// Reader reads live from the API server. Required.
	Reader client.Reader
	// Fetcher prepares modules. Required by the validator unless SourceCheck is Off.
	Fetcher Preparer
	// Preflight tells what keeps a filter from running, for warnings; nil tells
	// nothing. It must read from caches alone.
	Preflight Preflight
	// Render says where the proxies load modules from.
	Render render.Options
	// SourceCheck is Enforce when empty.
	SourceCheck SourceCheck
	// Stage creates the EnvoyFilter at admission; without it the write is only
	// rehearsed there and left to the controller.
	Stage bool
	// Budget is how long an admission waits for a module; DefaultBudget when 0. The
	// write of the EnvoyFilter has a limit of its own, so the timeoutSeconds of the
	// webhook configuration must be some seconds longer.
	Budget time.Duration
	// OwnNamespace is the server's namespace, and RootNamespace that of Istio's
	// mesh-wide configuration. No module is prepared and nothing is staged for an
	// AutoWasm in one of them, or in kube-system: it gets the pure checks and a
	// warning, and is left to the controller. The webhook configurations should leave
	// these namespaces out; an AutoWasm in RootNamespace also has to carry
	// AnnotationAllowMeshWide. "" is no namespace.
	OwnNamespace, RootNamespace string
	// Registry takes the metrics; controller-runtime's when nil.
	Registry prometheus.Registerer

	metrics *metrics
}

func (o Options) withDefaults() Options {
	if o.SourceCheck == "" {
		o.SourceCheck = Enforce
	}
	if o.Budget <= 0 {
		o.Budget = DefaultBudget
	}
	if o.metrics == nil {
		o.metrics = newMetrics(o.Registry)
	}
	return o
}
