// SPDX-License-Identifier: Apache-2.0

package dashboard

// row is a line of panels below a title.
type row struct {
	title  string
	panels []panel
}

// panel is one graph, or one number.
type panel struct {
	title       string
	description string
	unit        string // of Grafana
	isNumber    bool
	queries     []query
}

// query is an expression of PromQL, and the legend of its series.
type query struct{ expr, legend string }

// The variables of the dashboard: job is that of wasmer's replicas in Prometheus.
const (
	ofWasmer = `job=~"$job"`
	rate     = `[$__rate_interval]`
)

var rows = []row{
	{"At a glance", []panel{
		number("Replicas", "Those that Prometheus scrapes.", "none", `count(wasmer_store_modules{`+ofWasmer+`})`),
		number("Leaders", "One writes EnvoyFilters and status. While none does, nothing new comes into force.", "none", `sum(leader_election_master_status{name="wasmer",`+ofWasmer+`})`),
		number("Kinds missing", "Kinds that wasmer works with and the cluster lacks, such as Istio's EnvoyFilter.", "none", `count(max by (kind) (wasmer_kind_missing{`+ofWasmer+`}) == 1) or vector(0)`),
		number("AutoWasms not Ready", "Ready is False or Unknown. wasmc status -A shows which, why, and what to do.", "none", `sum(wasmer_autowasms{ready!="True",`+ofWasmer+`}) or vector(0)`),
		number("Certificate expires in", "Of the webhooks. It is renewed long before; once it has expired, AutoWasms cannot be changed.", "s", `min(wasmer_webhook_certificate_expiry_timestamp_seconds{`+ofWasmer+`}) - time()`),
		number("Authority expires in", "Of the webhooks' certificate. No value: no caBundle is known to verify it.", "s", `min(wasmer_webhook_ca_expiry_timestamp_seconds{`+ofWasmer+`}) - time()`),
	}},
	{"AutoWasms", []panel{
		graph("Ready", "", "none", query{`sum by (ready) (wasmer_autowasms{` + ofWasmer + `})`, "{{ready}}"}),
		graph("Not Ready, and why", "", "none", query{`sum by (ready, reason) (wasmer_autowasms{ready!="True",` + ofWasmer + `})`, "{{ready}} {{reason}}"}),
		graph("Versions", "Replicas of each version of wasmer.", "none", query{`sum by (version) (wasmer_build_info{` + ofWasmer + `})`, "{{version}}"}),
	}},
	{"Admission", []panel{
		graph("Decisions", "Responses of the validating webhook. An error is about the request, a denial about the object.", "reqps",
			query{`sum by (operation, result, dry_run) (rate(wasmer_admission_decisions_total{webhook="validate",` + ofWasmer + `}` + rate + `))`, "{{operation}} {{result}} dry run {{dry_run}}"}),
		graph("Time to decide", "The API server waits 10 seconds at the most. A new module is fetched within this time.", "s",
			quantile("0.5", "wasmer_admission_duration_seconds_bucket", "operation"), quantile("0.99", "wasmer_admission_duration_seconds_bucket", "operation")),
		graph("Trials", "Modules that were tried in a process of their own, by what came of it: a reason of the condition ModuleTried.", "cps",
			query{`sum by (outcome) (rate(wasmer_trial_duration_seconds_count{` + ofWasmer + `}` + rate + `))`, "{{outcome}}"}),
		graph("Time to try", "An admission waits for 5 seconds at the most.", "s",
			quantile("0.5", "wasmer_trial_duration_seconds_bucket", "outcome"), quantile("0.99", "wasmer_trial_duration_seconds_bucket", "outcome")),
		graph("Admitted untried", "Admissions without what a trial says of the module: too many waited (Full), it took too long (Late), came to no end (Ended), or the memory limit leaves none for trials (NoTrials).", "cps",
			query{`sum by (reason) (rate(wasmer_admission_untried_total{` + ofWasmer + `}` + rate + `))`, "{{reason}}"}),
		graph("EnvoyFilters", "What admissions did with the EnvoyFilter that they generated.", "cps",
			query{`sum by (outcome) (rate(wasmer_admission_envoyfilters_total{` + ofWasmer + `}` + rate + `))`, "{{outcome}}"}),
	}},
	{"Modules", []panel{
		graph("Fetches", "Modules resolved and fetched from registries, buckets and ConfigMaps, by Success or the reason of the failure.", "cps",
			query{`sum by (outcome) (rate(wasmer_fetch_duration_seconds_count{` + ofWasmer + `}` + rate + `))`, "{{outcome}}"}),
		graph("Time to fetch", "", "s", quantile("0.5", "wasmer_fetch_duration_seconds_bucket", "outcome"), quantile("0.99", "wasmer_fetch_duration_seconds_bucket", "outcome")),
		graph("Fetches in flight", "", "none", query{`wasmer_fetches_in_flight{` + ofWasmer + `}`, "{{instance}}"}),
		graph("Downloads", "Of modules from their sources: one of each for all replicas together, as a rule.", "cps",
			query{`sum by (outcome) (rate(wasmer_module_downloads_total{` + ofWasmer + `}` + rate + `))`, "{{outcome}}"}),
		graph("Fills", "Modules that a replica was asked for while its store lacked them.", "cps",
			query{`sum by (outcome) (rate(wasmer_module_fills_total{` + ofWasmer + `}` + rate + `))`, "{{outcome}}"}),
		graph("Modules in the store", "", "none", query{`wasmer_store_modules{` + ofWasmer + `}`, "{{instance}}"}),
		graph("Size of the store", "Compare with --max-store-bytes and the size of the volume.", "bytes", query{`wasmer_store_bytes{` + ofWasmer + `}`, "{{instance}}"}),
	}},
	{"Module server", []panel{
		graph("Requests", "Of proxies and other replicas. A proxy that gets 404 or 5xx does not have its module.", "reqps",
			query{`sum by (code) (rate(wasmer_module_requests_total{` + ofWasmer + `}` + rate + `))`, "{{code}}"}),
		graph("Sent", "", "Bps", query{`sum by (instance) (rate(wasmer_module_sent_bytes_total{` + ofWasmer + `}` + rate + `))`, "{{instance}}"}),
		graph("Loads of the proxies", "As the proxies count them, where Prometheus scrapes them. A failed one may be retried.", "cps",
			query{`sum(rate(envoy_wasm_remote_load_fetch_successes` + rate + `))`, "successes"},
			query{`sum(rate(envoy_wasm_remote_load_fetch_failures` + rate + `))`, "failures"}),
	}},
	{"Controller and process", []panel{
		graph("Reconciles", "", "cps", query{`sum by (controller, result) (rate(controller_runtime_reconcile_total{` + ofWasmer + `}` + rate + `))`, "{{controller}} {{result}}"}),
		graph("Waiting in queues", "", "none", query{`sum by (name) (workqueue_depth{` + ofWasmer + `})`, "{{name}}"}),
		graph("Requests to the API server", "", "reqps", query{`sum by (code, method) (rate(rest_client_requests_total{` + ofWasmer + `}` + rate + `))`, "{{method}} {{code}}"}),
		graph("Memory", "Resident.", "bytes", query{`process_resident_memory_bytes{` + ofWasmer + `}`, "{{instance}}"}),
		graph("CPU", "", "none", query{`rate(process_cpu_seconds_total{` + ofWasmer + `}` + rate + `)`, "{{instance}}"}),
	}},
}

func number(title, description, unit, expr string) panel {
	return panel{title: title, description: description, unit: unit, isNumber: true, queries: []query{{expr, ""}}}
}

func graph(title, description, unit string, queries ...query) panel {
	return panel{title: title, description: description, unit: unit, queries: queries}
}

// quantile of a histogram, for each value of a label.
func quantile(q, buckets, label string) query {
	return query{
		expr:   `histogram_quantile(` + q + `, sum by (le, ` + label + `) (rate(` + buckets + `{` + ofWasmer + `}` + rate + `)))`,
		legend: `{{` + label + `}} p` + q[2:],
	}
}
