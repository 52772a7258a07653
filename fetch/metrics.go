// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/autowasm/autowasm/internal/failure"
)

const success = "Success"

type metrics struct {
	duration   *prometheus.HistogramVec
	downloads  *prometheus.CounterVec
	fills      *prometheus.CounterVec
	collectors []prometheus.Collector
}

func newMetrics(f *Fetcher) *metrics {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "wasmer_fetch_duration_seconds",
		Help:    "How long it took to resolve and fetch a module, by outcome: Success or the reason of the failure.",
		Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300},
	}, []string{"outcome"})
	downloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wasmer_module_downloads_total",
		Help: "Downloads of modules from their sources, by outcome: Success or the reason of the failure.",
	}, []string{"outcome"})
	fills := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wasmer_module_fills_total",
		Help: "Fills: modules that were wanted while the store lacked them, by outcome: Success or the reason of the failure.",
	}, []string{"outcome"})
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	return &metrics{duration: duration, downloads: downloads, fills: fills, collectors: []prometheus.Collector{
		duration, downloads, fills,
		gauge("wasmer_fetches_in_flight", "Fetches that are under way.", func() float64 { return float64(f.requests.count()) }),
		gauge("wasmer_store_modules", "Modules in the store.", func() float64 { return float64(f.o.Store.Usage().Modules) }),
		gauge("wasmer_store_bytes", "Bytes that the modules in the store take.", func() float64 { return float64(f.o.Store.Usage().Bytes) }),
	}}
}

func (m *metrics) fetched(took time.Duration, err error) {
	m.duration.WithLabelValues(outcome(err)).Observe(took.Seconds())
}

func (m *metrics) downloaded(err error) { m.downloads.WithLabelValues(outcome(err)).Inc() }

func (m *metrics) filled(err error) { m.fills.WithLabelValues(outcome(err)).Inc() }

func outcome(err error) string {
	if err == nil {
		return success
	}
	return string(failure.Of(err).Reason)
}

// Register registers the metrics of the fetcher and of its store.
func (f *Fetcher) Register(registry prometheus.Registerer) error {
	var failed []error
	for _, c := range f.metrics.collectors {
		failed = append(failed, registry.Register(c))
	}
	return errors.Join(failed...)
}
