// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// alert is a rule of Prometheus. It fires when its expression has had a value all the time that it must hold.
type alert struct {
	name, severity string
	expr, hold     string
	summary        string
	description    string // what it means, and what to do
}

// alerts are those of wasmer. Summaries and descriptions are templates of Prometheus.
var alerts = []alert{
	critical("WasmerAbsent", `absent(wasmer_store_modules)`, "5m", "Prometheus scrapes no replica of wasmer",
		"While none runs, AutoWasms cannot be created or changed, and proxies that start wait for their modules. See kubectl get pods -A -l app.kubernetes.io/name=wasmer."),
	warning("WasmerWithoutLeader", `max(leader_election_master_status{name="wasmer"}) < 1`, "5m", "No replica of wasmer is the leader",
		"New AutoWasms are admitted and do not come into force, and no status changes. See the Lease wasmer."),
	critical("WasmerKindMissing", `max by (kind) (wasmer_kind_missing) == 1`, "5m", "The cluster lacks {{ $labels.kind }}, which wasmer works with",
		"See /readyz?verbose of wasmer for what to install."),
	warning("WasmerAdmissionErrors", `sum(rate(wasmer_admission_decisions_total{result="error"}[5m])) > 0`, "5m",
		"wasmer refuses admission requests for errors of its own", "See the log of wasmer for why."),
	warning("WasmerAdmissionSlow", `histogram_quantile(0.99, sum by (le) (rate(wasmer_admission_duration_seconds_bucket[10m]))) > 5`, "10m",
		"Admissions of AutoWasms take longer than 5 seconds", "The API server gives up after 10 seconds and refuses the change."),
	warning("WasmerAutoWasmsFailed", `sum by (reason) (wasmer_autowasms{ready="False"}) > 0`, "15m", "{{ $value }} AutoWasms are not Ready: {{ $labels.reason }}",
		"What they wait for does not pass by itself. wasmc status -A shows which, why, and what to do."),
	warning("WasmerAutoWasmsPending", `sum by (reason) (wasmer_autowasms{ready="Unknown"}) > 0`, "1h", "{{ $value }} AutoWasms are not Ready for an hour: {{ $labels.reason }}",
		"wasmer tries again by itself, and it has not helped. wasmc status -A shows what it waits for."),
	warning("WasmerModulesNotServed", `sum(increase(wasmer_module_requests_total{code=~"404|5.."}[10m])) > 0`, "10m", "Proxies do not get modules that they request",
		"A proxy that starts is not ready until it has its module. See the status of the AutoWasms and the log of wasmer."),
	critical("WasmerCertificateExpires", `min(wasmer_webhook_certificate_expiry_timestamp_seconds) - time() < 24 * 3600`, "10m",
		"The certificate of wasmer's webhooks expires within a day",
		"It should have been renewed days ago. Once it has expired, AutoWasms cannot be created or changed."),
	warning("WasmerAuthorityExpires", `min(wasmer_webhook_ca_expiry_timestamp_seconds) - time() < 30 * 24 * 3600`, "1h",
		"The authority of the certificate of wasmer's webhooks expires within 30 days", "It should have been renewed months ago."),
	critical(notTrusted, `wasmer_webhook_certificate_expiry_timestamp_seconds unless wasmer_webhook_ca_expiry_timestamp_seconds`, "10m",
		"No caBundle verifies the certificate of wasmer's webhooks",
		"AutoWasms cannot be created or changed. See the caBundle of both webhook configurations, and with cert-manager whether its cainjector runs."),
}

// notTrusted always fires where no caBundle is known, for which the chart leaves it out.
const notTrusted = "WasmerCertificateNotTrusted"

func critical(name, expr, hold, summary, description string) alert {
	return alert{name: name, severity: "critical", expr: expr, hold: hold, summary: summary, description: description}
}

func warning(name, expr, hold, summary, description string) alert {
	return alert{name: name, severity: "warning", expr: expr, hold: hold, summary: summary, description: description}
}

// Alerts is the file of the alerts as Prometheus reads it, and of which the chart makes a PrometheusRule.
func Alerts() ([]byte, error) {
	var rules []any
	for _, a := range alerts {
		rules = append(rules, map[string]any{
			"alert": a.name, "expr": a.expr, "for": a.hold, "labels": map[string]string{"severity": a.severity},
			"annotations": map[string]string{"summary": a.summary, "description": a.description},
		})
	}
	out, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "wasmer", "rules": rules}}})
	if err != nil {
		return nil, fmt.Errorf("encode the alerts: %w", err)
	}
	return append([]byte("# From internal/dashboard by make generate.\n"), out...), nil
}
