// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// counted are the samples of a registry: counters by value, histograms by count.
func counted(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.Metric {
			name := family.GetName() + "{" + labelsOf(metric) + "}"
			samples[name] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return samples
}

func labelsOf(metric *dto.Metric) string {
	var pairs []string
	for _, pair := range metric.Label {
		pairs = append(pairs, pair.GetName()+"="+pair.GetValue())
	}
	return strings.Join(pairs, ",")
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := cluster(interceptor.Funcs{})
	o := Options{Client: c, Reader: c, Fetcher: &stubFetcher{}, Render: renderOptions, Stage: true, metrics: newMetrics(registry)}
	defaulter, validator := newDefaulter(o), newValidator(o)
	good := requestFor(t, admissionv1.Create, autoWasm())
	for _, req := range []admission.Request{dryRun(good), good, good, requestFor(t, admissionv1.Create, autoWasm(withPorts(0))), {}} {
		validator.Handle(t.Context(), req)
	}
	defaulter.Handle(t.Context(), good)
	defaulter.Handle(t.Context(), requestFor(t, admissionv1.Create, autoWasm(filter(unsetVMID))))
	want := map[string]float64{
		"wasmer_admission_decisions_total{dry_run=true,operation=CREATE,result=allowed,webhook=validate}":  1,
		"wasmer_admission_decisions_total{dry_run=false,operation=CREATE,result=allowed,webhook=validate}": 2,
		"wasmer_admission_decisions_total{dry_run=false,operation=CREATE,result=denied,webhook=validate}":  1,
		"wasmer_admission_decisions_total{dry_run=false,operation=other,result=error,webhook=validate}":    1,
		"wasmer_admission_decisions_total{dry_run=false,operation=CREATE,result=allowed,webhook=mutate}":   1,
		"wasmer_admission_decisions_total{dry_run=false,operation=CREATE,result=patched,webhook=mutate}":   1,
		"wasmer_admission_duration_seconds{operation=CREATE,webhook=validate}":                             4,
		"wasmer_admission_duration_seconds{operation=other,webhook=validate}":                              1,
		"wasmer_admission_duration_seconds{operation=CREATE,webhook=mutate}":                               2,
		"wasmer_admission_envoyfilters_total{outcome=DryRun}":                                              1,
		"wasmer_admission_envoyfilters_total{outcome=Staged}":                                              1,
		"wasmer_admission_untried_total{reason=NoTrials}":                                                  3,
		"wasmer_admission_envoyfilters_total{outcome=Exists}":                                              1,
	}
	if diff := cmp.Diff(want, counted(t, registry)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// Each answer is one line, with what it takes to find the request in the API server's audit log: by default only of
// what was not admitted.
func TestInstrumentLogs(t *testing.T) {
	denied, allowed := requestFor(t, admissionv1.Create, autoWasm(withPorts(0))), requestFor(t, admissionv1.Create, autoWasm())
	tests := []struct {
		name      string
		req       admission.Request
		verbosity int
		want      []string
	}{
		{"denied", dryRun(denied), 0, []string{`"uid"="705ab4f5-6393-11e8-b7cc-42010a800002"`, `"operation"="CREATE"`, `"dryRun"=true`, `"result"="denied"`, `"webhook"="validate"`, "applyPorts[0]"}},
		{"an error", admission.Request{}, 0, []string{`"result"="error"`}},
		{"allowed", allowed, 0, nil},
		{"allowed, with debug messages", allowed, 1, []string{`"result"="allowed"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			logger := funcr.New(func(_, args string) {
				if strings.Contains(args, "Answered admission request") {
					lines = append(lines, args)
				}
			}, funcr.Options{Verbosity: tt.verbosity})
			v, _ := testValidator(&stubFetcher{}, Enforce)
			v.Handle(ctrl.LoggerInto(t.Context(), logger), tt.req)
			if logged := len(lines) == 1; logged != (tt.want != nil) || len(lines) > 1 {
				t.Fatalf("logged %d lines: %q", len(lines), lines)
			}
			for _, want := range tt.want {
				if !strings.Contains(lines[0], want) {
					t.Errorf("the line lacks %s: %s", want, lines[0])
				}
			}
		})
	}
}

func TestInstrumentPassesTheAnswerOn(t *testing.T) {
	i := instrument{webhook: "validate", metrics: newMetrics(prometheus.NewRegistry())}
	resp := i.observe(t.Context(), admission.Request{}, func(context.Context, admission.Request) admission.Response {
		return admission.Errored(http.StatusBadRequest, errors.New("words"))
	})
	if resp.Allowed || resultOf(resp) != "error" || messageOf(resp) != "words" || messageOf(admission.Response{}) != "" {
		t.Errorf("answer = %+v", resp)
	}
}
