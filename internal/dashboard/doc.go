// Package dashboard holds the panels of wasmer's Grafana dashboard, of which manifests/charts/wasmer/files/dashboard.json is
// generated. A test compares them, and the chart's alerts, with the metrics that the program defines.
package dashboard
