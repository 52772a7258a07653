// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct{ duration *prometheus.HistogramVec }

func newMetrics() *metrics {
	return &metrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "wasmer_trial_duration_seconds",
		Help:    "How long it took to try a module in a process of its own, by outcome: a reason of the condition ModuleTried.",
		Buckets: []float64{0.03, 0.1, 0.2, 0.4, 1, 2.5, 5, 10},
	}, []string{"outcome"})}
}

func (m *metrics) tried(took time.Duration, r Result) {
	m.duration.WithLabelValues(string(r.Reason)).Observe(took.Seconds())
}

// Register registers the metrics of the trials.
func (t *Trials) Register(registry prometheus.Registerer) error {
	if err := registry.Register(t.metrics.duration); err != nil {
		return fmt.Errorf("register the metrics of trials: %w", err)
	}
	return nil
}
