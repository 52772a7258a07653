// SPDX-License-Identifier: Apache-2.0

package mesh

import "testing"

// alone is what a workload's doors answer without any filter.
var alone = answers{inbound: "200", other: "200"}

// workloadCases begin with a workload of the test's own, which has a sidecar and no AutoWasm.
func workloadCases(t *testing.T, w *Workload) *cases {
	t.Helper()
	c := &cases{now: alone, doors: map[string]door{
		inbound: {url: w.URL(InboundPort)}, other: {url: w.URL(OtherPort)},
	}}
	c.wait(t, alone)
	return c
}

// onWorkload is an AutoWasm for a workload.
func onWorkload(w *Workload, name, image, filter string) autoWasm {
	return autoWasm{name: name, selector: "{matchLabels: {app: " + w.Name + "}}", image: image, filter: filter}
}
