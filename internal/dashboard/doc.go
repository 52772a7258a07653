// SPDX-License-Identifier: Apache-2.0

// Package dashboard holds the panels of wasmer's Grafana dashboard and its alerts, of which dashboard.json and alerts.yaml in
// manifests/charts/wasmer/files are generated. A test compares both with the metrics that the program defines.
package dashboard
