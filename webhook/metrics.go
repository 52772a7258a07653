package webhook

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// latencyBuckets reach from what a pure answer takes to the API server's limit, in
// seconds.
var latencyBuckets = []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10}

// metrics count what controller-runtime's do not: every answer is an HTTP 200 to
// them, and their buckets are powers of ten.
type metrics struct {
	decisions *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	generated *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	if registry == nil {
		registry = ctrlmetrics.Registry
	}
	return &metrics{
		decisions: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_admission_decisions_total",
			Help: "Answers to admission requests by webhook, operation, result (allowed, patched, denied, error) and dry run.",
		}, []string{"webhook", "operation", "result", "dry_run"})),
		latency: register(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wasmer_admission_duration_seconds",
			Help:    "Time to answer an admission request, by webhook and operation.",
			Buckets: latencyBuckets,
		}, []string{"webhook", "operation"})),
		generated: register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_admission_envoyfilters_total",
			Help: "EnvoyFilters generated at admission by outcome: staged, rehearsed, exists, gone, foreign, refused, failed.",
		}, []string{"outcome"})),
	}
}

// register returns the collector that is there already when two handlers of one
// process share a registry.
func register[C prometheus.Collector](registry prometheus.Registerer, collector C) C {
	err := registry.Register(collector)
	if taken, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := taken.ExistingCollector.(C); ok {
			return existing
		}
	}
	return collector
}

func (m *metrics) answered(webhook string, req admission.Request, resp admission.Response, took time.Duration) {
	operation := operationLabel(req)
	dryRun := strconv.FormatBool(isDryRun(req))
	m.decisions.WithLabelValues(webhook, operation, resultOf(resp), dryRun).Inc()
	m.latency.WithLabelValues(webhook, operation).Observe(took.Seconds())
}

func isDryRun(req admission.Request) bool { return req.DryRun != nil && *req.DryRun }
