// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// Of a series there is a sample each minute from the epoch on, and the alerts are evaluated half an hour after it.
const (
	interval  = time.Minute
	evaluated = 30 * time.Minute
)

// fires and quiet are, by alert, series with which it has a value and with which it has none, as promtool's tests have them.
var (
	fires = map[string]string{
		"WasmerAbsent":                `another_metric 1x30`,
		"WasmerWithoutLeader":         `leader_election_master_status{name="wasmer", instance="a"} 0x30`,
		"WasmerKindMissing":           `wasmer_kind_missing{kind="EnvoyFilter"} 1x30`,
		"WasmerAdmissionErrors":       `wasmer_admission_decisions_total{result="error"} 0+1x30`,
		"WasmerAdmissionSlow":         `wasmer_admission_duration_seconds_bucket{le="5"} 0x30` + "\n" + `wasmer_admission_duration_seconds_bucket{le="10"} 0+1x30` + "\n" + `wasmer_admission_duration_seconds_bucket{le="+Inf"} 0+1x30`,
		"WasmerAutoWasmsFailed":       `wasmer_autowasms{ready="False", reason="FilterTraps"} 2x30`,
		"WasmerAutoWasmsPending":      `wasmer_autowasms{ready="Unknown", reason="ProxiesPending"} 1x30`,
		"WasmerModulesNotServed":      `wasmer_module_requests_total{code="404"} 0+1x30`,
		"WasmerCertificateExpires":    `wasmer_webhook_certificate_expiry_timestamp_seconds 5400x30`,
		"WasmerAuthorityExpires":      `wasmer_webhook_ca_expiry_timestamp_seconds 100000x30`,
		"WasmerCertificateNotTrusted": `wasmer_webhook_certificate_expiry_timestamp_seconds 900000x30`,
	}
	quiet = map[string]string{
		"WasmerAbsent":                `wasmer_store_modules 0x30`,
		"WasmerWithoutLeader":         `leader_election_master_status{name="wasmer", instance="a"} 0x30` + "\n" + `leader_election_master_status{name="wasmer", instance="b"} 1x30`,
		"WasmerKindMissing":           `wasmer_kind_missing{kind="EnvoyFilter"} 0x30`,
		"WasmerAdmissionErrors":       `wasmer_admission_decisions_total{result="denied"} 0+1x30` + "\n" + `wasmer_admission_decisions_total{result="error"} 3x30`,
		"WasmerAdmissionSlow":         `wasmer_admission_duration_seconds_bucket{le="5"} 0+1x30` + "\n" + `wasmer_admission_duration_seconds_bucket{le="10"} 0+1x30` + "\n" + `wasmer_admission_duration_seconds_bucket{le="+Inf"} 0+1x30`,
		"WasmerAutoWasmsFailed":       `wasmer_autowasms{ready="True", reason="Synced"} 9x30` + "\n" + `wasmer_autowasms{ready="False", reason="FilterTraps"} 0x30`,
		"WasmerAutoWasmsPending":      `wasmer_autowasms{ready="False", reason="FilterTraps"} 2x30`,
		"WasmerModulesNotServed":      `wasmer_module_requests_total{code="200"} 0+1x30` + "\n" + `wasmer_module_requests_total{code="404"} 7x30`,
		"WasmerCertificateExpires":    `wasmer_webhook_certificate_expiry_timestamp_seconds 900000x30`,
		"WasmerAuthorityExpires":      `wasmer_webhook_ca_expiry_timestamp_seconds 9000000x30`,
		"WasmerCertificateNotTrusted": `wasmer_webhook_certificate_expiry_timestamp_seconds 900000x30` + "\n" + `wasmer_webhook_ca_expiry_timestamp_seconds 900000x30`,
	}
)

var promqlParser = parser.NewParser(parser.Options{})

// TestAlerts: Prometheus reads the rules that the chart makes, each fires for what it is about, and for nothing else.
func TestAlerts(t *testing.T) {
	t.Parallel()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000, Timeout: time.Minute, Parser: promqlParser})
	defer engine.Close()
	rules := alertRules(t)
	for _, rule := range rules {
		for want, series := range map[bool]string{true: fires[rule.Alert], false: quiet[rule.Alert]} {
			if series == "" {
				t.Errorf("there are no series for %s: %t", rule.Alert, want)
				continue
			}
			if got := hasValue(t, engine, rule.Expr, series); got != want {
				t.Errorf("%s fires: %t, want %t, with\n%s", rule.Alert, got, want, series)
			}
		}
	}
	if len(rules) != len(fires) {
		t.Errorf("there are %d alerts, and series for %d", len(rules), len(fires))
	}
}

// alertRules are the chart's, as Prometheus reads them, with the templates of their texts.
func alertRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	rule := rendered(t, `prometheusRule={"enabled":true}`)["PrometheusRule istio-system/wasmer"]
	spec, err := json.Marshal(rule["spec"])
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(spec, false, model.LegacyValidation, promqlParser)
	if len(errs) > 0 || len(groups.Groups) != 1 {
		t.Fatalf("Prometheus refuses the rules: %v\n%s", errs, spec)
	}
	return groups.Groups[0].Rules
}

// hasValue tells whether an expression has one with these series.
func hasValue(t *testing.T, engine *promql.Engine, expr, series string) bool {
	t.Helper()
	query, err := engine.NewInstantQuery(t.Context(), stored(t, series), nil, expr, time.Unix(0, 0).Add(evaluated))
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	values, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return len(values) > 0
}

// stored is a Prometheus with these series, one on each line.
func stored(t *testing.T, lines string) storage.Queryable {
	t.Helper()
	var all []storage.Series
	for line := range strings.SplitSeq(lines, "\n") {
		all = append(all, seriesOf(t, line))
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{
		SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
			selected := &seriesSet{}
			for _, s := range all {
				if labels.Selector(matchers).Matches(s.Labels()) {
					selected.all = append(selected.all, s)
				}
			}
			return selected
		},
	}}
}

func seriesOf(t *testing.T, line string) storage.Series {
	t.Helper()
	metric, values, err := promqlParser.ParseSeriesDesc(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	s := promql.Series{Metric: metric}
	for i, v := range values {
		s.Floats = append(s.Floats, promql.FPoint{T: int64(i) * interval.Milliseconds(), F: v.Value})
	}
	return promql.NewStorageSeries(s)
}

// seriesSet gives its series one after the other.
type seriesSet struct {
	all []storage.Series
	at  int // how many it has given
}

func (s *seriesSet) Next() bool {
	s.at++
	return s.at <= len(s.all)
}

func (s *seriesSet) At() storage.Series                { return s.all[s.at-1] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
