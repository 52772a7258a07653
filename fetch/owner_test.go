package fetch_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestStopEndsAndAwaitsAllFlights(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFixture(t)
	f.ensure(image(x))
	f.modules["reg.example/y"] = moduleX
	f.onResolve = slow(time.Hour)
	f.gaveUp(image("reg.example/y:v1"), time.Millisecond)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Start(ctx) }()
	select {
	case err := <-ended:
		t.Fatalf("Start ended by itself: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Start = %v", err)
	}
	for range 20 {
		f.refused(image("reg.example/y:v1"), v1alpha1.ReasonUnavailable, false)
	}
	f.expect(2, 1)     // nothing began after the stop
	f.ensure(image(x)) // from memory
	if f.NeedLeaderElection() {
		t.Error("only the leader fetches")
	}
}

func TestMetrics(t *testing.T) {
	f := newFixture(t)
	registry := prometheus.NewRegistry()
	if err := f.Register(registry); err != nil {
		t.Fatal(err)
	}
	f.ensure(image(x))
	f.refused(image("reg.example/none:v1"), v1alpha1.ReasonNotFound, true)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += "/" + label.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	want := map[string]float64{
		"wasmer_fetch_duration_seconds/Success":  1,
		"wasmer_fetch_duration_seconds/NotFound": 1,
		"wasmer_fetches_in_flight":               0,
		"wasmer_store_modules":                   1,
		"wasmer_store_bytes":                     float64(len(moduleX)),
	}
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s = %v (there: %v), want %v", name, v, ok, value)
		}
	}
	if err := f.Register(registry); err == nil {
		t.Error("the same metrics were registered twice")
	}
}
