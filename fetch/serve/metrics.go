// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
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
	}
}

func (m *metrics) register(registry prometheus.Registerer) error {
	return errors.Join(registry.Register(m.requests), registry.Register(m.bytes))
}

func (m *metrics) served(code int, bytes int64) {
	m.requests.WithLabelValues(strconv.Itoa(code)).Inc()
	m.bytes.Add(float64(bytes))
}
