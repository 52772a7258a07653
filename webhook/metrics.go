// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/autowasm/autowasm/trial"
)

// latencyBuckets reach from what a pure answer takes to the API server's limit, in seconds.
var latencyBuckets = []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10}

// metrics are finer than controller-runtime's, to which every answer is an HTTP 200, with powers of ten for buckets.
type metrics struct {
	decisions *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	untried   *prometheus.CounterVec
	staged    *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_admission_decisions_total",
			Help: "Answers to admission requests by webhook, operation, result (allowed, patched, denied, error) and dry run.",
		}, []string{"webhook", "operation", "result", "dry_run"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wasmer_admission_duration_seconds",
			Help:    "Time to answer an admission request, by webhook and operation.",
			Buckets: latencyBuckets,
		}, []string{"webhook", "operation"}),
		untried: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_admission_untried_total",
			Help: "Admissions that went without what a trial says of the module, by reason: Full, Late, Ended, NoTrials.",
		}, []string{"reason"}),
		staged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_admission_envoyfilters_total",
			Help: "EnvoyFilters of admissions by outcome: Staged, DryRun, Exists, Conflict, Foreign, Refused, Failed, Busy.",
		}, []string{"outcome"}),
	}
	registry.MustRegister(m.decisions, m.latency, m.untried, m.staged)
	return m
}

func isDryRun(req admission.Request) bool { return req.DryRun != nil && *req.DryRun }

// instrument counts, times and logs the responses of one webhook.
type instrument struct {
	webhook string
	metrics *metrics
}

func (i instrument) observe(ctx context.Context, req admission.Request, answer admission.HandlerFunc) admission.Response {
	start := time.Now()
	resp := answer(ctx, req)
	took := time.Since(start)
	operation, result := operationLabel(req), resultOf(resp)
	i.metrics.decisions.WithLabelValues(i.webhook, operation, result, strconv.FormatBool(isDryRun(req))).Inc()
	i.metrics.latency.WithLabelValues(i.webhook, operation).Observe(took.Seconds())
	if log := ctrl.LoggerFrom(ctx).V(verbosityOf(result)); log.Enabled() {
		log.Info("Answered admission request", "webhook", i.webhook, "uid", req.UID, "operation", req.Operation,
			"dryRun", isDryRun(req), "result", result, "warnings", len(resp.Warnings), "message", detail(trial.WithoutLog(messageOf(resp))), "took", took)
	}
	return resp
}

// The results of admissions, as the metrics have them.
const (
	resultAllowed = "allowed"
	resultPatched = "patched"
	resultDenied  = "denied"
	resultError   = "error"
)

// verbosityOf is that of the log: what was admitted shows in the cluster, what was not shows nowhere else.
func verbosityOf(result string) int {
	if result == resultDenied || result == resultError {
		return 0
	}
	return 1
}

// resultOf distinguishes a denial, which is about the object, from an error, which is about the request.
func resultOf(resp admission.Response) string {
	switch {
	case resp.Allowed && len(resp.Patches) > 0:
		return resultPatched
	case resp.Allowed:
		return resultAllowed
	case resp.Result != nil && (resp.Result.Code == http.StatusUnprocessableEntity || resp.Result.Code == http.StatusForbidden):
		return resultDenied
	}
	return resultError
}

func messageOf(resp admission.Response) string {
	if resp.Result == nil {
		return ""
	}
	return resp.Result.Message
}

// operationLabel bounds the label's values: the operation comes from the request.
func operationLabel(req admission.Request) string {
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect:
		return string(req.Operation)
	}
	return "other"
}
