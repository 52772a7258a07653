package serve

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/autowasm/autowasm/internal/failure"
)

type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	fills    *prometheus.CounterVec
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_module_requests_total",
			Help: "Requests to the module server, by status code.",
		}, []string{"code"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wasmer_module_sent_bytes_total",
			Help: "Bytes of bodies that the module server sent.",
		}),
		fills: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wasmer_module_fills_total",
			Help: "Modules that were asked for while the store lacked them, by outcome: Success or the reason of the failure.",
		}, []string{"outcome"}),
	}
}

func (m *metrics) register(registry prometheus.Registerer) error {
	return errors.Join(registry.Register(m.requests), registry.Register(m.bytes), registry.Register(m.fills))
}

func (m *metrics) served(code int, bytes int64) {
	m.requests.WithLabelValues(strconv.Itoa(code)).Inc()
	m.bytes.Add(float64(bytes))
}

func (m *metrics) filled(err error) {
	outcome := "Success"
	if err != nil {
		outcome = string(failure.Of(err).Reason)
	}
	m.fills.WithLabelValues(outcome).Inc()
}
