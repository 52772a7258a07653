// SPDX-License-Identifier: Apache-2.0

package host

import "strings"

// MetricType is the kind of a metric.
type MetricType uint32

// The kinds of metrics.
const (
	Counter MetricType = iota
	Gauge
	Histogram
	metricTypes
)

// Metric is a metric that a filter defined. Envoy's name of it has the prefix wasmcustom, and no dots at its end.
type Metric struct {
	Name string
	Type MetricType
	// Value of a counter or gauge, or the value that a histogram recorded last.
	Value uint64
	// Records counts what a histogram recorded.
	Records uint64
}

var metricFunctions = []function{
	{"define_metric", "iiii", defineMetric},
	{"increment_metric", "iI", incrementMetric},
	{"record_metric", "iI", recordMetric},
	{"get_metric", "ii", getMetric},
}

// metrics are those of a VM by their ids. An id has the type in its two lowest bits. Several ids may have one metric.
type metrics struct {
	byID   map[uint32]*Metric
	byName map[Metric]*Metric // by name and type
	order  []*Metric
	next   [metricTypes]uint32
}

const metricIDStep = 4

func (m *metrics) init() {
	m.byID, m.byName = map[uint32]*Metric{}, map[Metric]*Metric{}
	for t := range m.next {
		m.next[t] = uint32(t)
	}
}

// Metrics returns the metrics that filters defined, in the order of their definition.
func (vm *VM) Metrics() []Metric {
	all := make([]Metric, len(vm.metrics.order))
	for i, metric := range vm.metrics.order {
		all[i] = *metric
	}
	return all
}

func defineMetric(vm *VM, a arguments) Status {
	name, ok := vm.readString(a, 1)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	kind := a.u32(0)
	if kind >= uint32(metricTypes) {
		return StatusBadArgument
	}
	name = strings.TrimRight(name, ".") // Envoy's names have parts between dots, and no empty ones at their end
	m := &vm.metrics
	key := Metric{Name: name, Type: MetricType(kind)}
	vm.hold(entryCost + len(name))
	metric := m.byName[key]
	if metric == nil {
		metric = &Metric{Name: name, Type: MetricType(kind)}
		m.byName[key] = metric
		m.order = append(m.order, metric)
	}
	m.next[kind] += metricIDStep
	m.byID[m.next[kind]] = metric
	return vm.put32(a.u32(3), m.next[kind])
}

// incrementMetric follows incrementMetric in context.cc of Envoy: a counter only grows, and a histogram cannot.
func incrementMetric(vm *VM, a arguments) Status {
	id, offset := a.u32(0), int64(a[1])
	switch kind := MetricType(id % metricIDStep); {
	case kind != Counter && kind != Gauge:
		return StatusBadArgument
	case vm.metrics.byID[id] == nil:
		return StatusNotFound
	case kind == Counter && offset <= 0:
		return StatusBadArgument
	}
	vm.metrics.byID[id].Value += uint64(offset)
	return StatusOK
}

// recordMetric sets a gauge, adds to a counter, or records a value of a histogram.
func recordMetric(vm *VM, a arguments) Status {
	metric := vm.metrics.byID[a.u32(0)]
	if metric == nil {
		return StatusNotFound
	}
	switch metric.Type {
	case Counter:
		metric.Value += a[1]
	default:
		metric.Value = a[1]
		metric.Records++
	}
	return StatusOK
}

func getMetric(vm *VM, a arguments) Status {
	id := a.u32(0)
	if kind := MetricType(id % metricIDStep); kind != Counter && kind != Gauge {
		return StatusBadArgument
	}
	metric := vm.metrics.byID[id]
	if metric == nil {
		return StatusNotFound
	}
	return vm.put64(a.u32(1), metric.Value)
}
