// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// TestBuildInfo is 1, with the version that runs.
func TestBuildInfo(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if err := registerBuild(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "wasmer_build_info" {
		t.Fatalf("gathered %v, %v", families, err)
	}
	sample := families[0].GetMetric()[0]
	labels := map[string]string{}
	for _, label := range sample.GetLabel() {
		labels[label.GetName()] = label.GetValue()
	}
	want := map[string]string{"version": version, "go_version": runtime.Version()}
	if diff := cmp.Diff(want, labels); diff != "" || sample.GetGauge().GetValue() != 1 {
		t.Errorf("value %v, labels (-want +got):\n%s", sample.GetGauge().GetValue(), diff)
	}
}
