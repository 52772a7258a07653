// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// TestAutoWasmsAreCounted by their condition Ready, by the leader alone.
func TestAutoWasmsAreCounted(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects := fake.NewClientBuilder().WithScheme(scheme)
	for name, ready := range map[string]*metav1.Condition{
		"a": {Type: "Ready", Status: "True", Reason: "Synced"}, "b": {Type: "Ready", Status: "True", Reason: "Synced"},
		"c": {Type: "Ready", Status: "False", Reason: "NotFound"}, "new": nil,
	} {
		aw := &v1alpha1.AutoWasm{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		if ready != nil {
			aw.Status.Conditions = []metav1.Condition{*ready}
		}
		objects.WithObjects(aw)
	}
	elected, registry := make(chan struct{}), prometheus.NewPedanticRegistry()
	registry.MustRegister(newAutoWasms(objects.Build(), elected))
	if got := gathered(t, registry); len(got) != 0 {
		t.Errorf("before the election there are %v", got)
	}
	close(elected)
	const name = "wasmer_autowasms "
	want := map[string]float64{name + "ready=False reason=NotFound": 1, name + "ready=True reason=Synced": 2, name + "ready=Unknown reason=NotObserved": 1}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// gathered are the values of gauges by their names and labels.
func gathered(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := []string{family.GetName()}
			for _, label := range m.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			values[strings.Join(labels, " ")] = m.GetGauge().GetValue()
		}
	}
	return values
}
