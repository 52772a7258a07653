// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// A sized module is one of those by which effects of a module's size are measured.
type sized struct {
	name   string
	file   string
	filter string  // more YAML of spec.filter
	probe  request // which is answered as wanted once the filter is in force, and not before
	want   string
	rounds int
}

// sizes are a module of Rust, one of plain Go and Coraza's.
func sizes(b *testing.B) []sized {
	filters := buildFilters(b)
	return []sized{
		{"rust", filepath.Join(cluster.Checkout, "examples/add-header-rust/add-header.wasm"), "config: sized", request{}, "200 sized", 10},
		{"go", cluster.Binaries().Filter, "config: sized", request{}, "200 sized", 5},
		{"coraza", filepath.Join(filters, "coraza.wasm"), waf, request{path: "/admin"}, "403", 2},
	}
}

// BenchmarkSizes measures from kubectl apply to the first answer of the filter, for modules that are new to wasmer and to the
// proxy, which runs already: what passes until wasmer has sent the module, and what the proxy takes from there, most
// of which is V8's compilation. On a machine that has more to do, the processor's time says more than the clock's.
func BenchmarkSizes(b *testing.B) {
	b.ReportMetric(0, "ns/op") // a round of everything says nothing
	table := "from kubectl apply until the module is sent, and from there to the first answer; p50 of some rounds\n"
	for i, s := range sizes(b) {
		table += s.measure(b, 100*i)
	}
	b.Log(table)
}

// measure returns a line of the table. Modules are numbered from a number.
func (s sized) measure(b *testing.B, number int) string {
	b.Helper()
	module, err := os.ReadFile(s.file)
	if err != nil {
		b.Fatal(err)
	}
	w := workload(b, "sized-"+s.name)
	p := sidecar(b, w, ProxyOptions{Envoy: envoy.Newest})
	var ours, its, cpu []time.Duration
	for round := range s.rounds {
		image := pushModule(b, fmt.Sprintf("%s:%d", w.Name, round), numbered(module, "sized", number+round))
		used := processorTime(b, p.Launched)
		sent, answered := s.round(b, w, image, len(module))
		ours, its, cpu = append(ours, sent), append(its, answered), append(cpu, processorTime(b, p.Launched)-used)
	}
	stop(b, p)
	b.ReportMetric(milliseconds(percentile(ours, 50)), s.name+"-sent-p50-ms")
	b.ReportMetric(milliseconds(percentile(its, 50)), s.name+"-proxy-p50-ms")
	return fmt.Sprintf("%-8s %6.2f MB  until it is sent %6.0f ms  the proxy's own %6.0f ms, of the processor %6.0f ms, %.2f MB/s\n",
		s.name, megabytes(len(module)), milliseconds(percentile(ours, 50)), milliseconds(percentile(its, 50)),
		milliseconds(percentile(cpu, 50)), megabytes(len(module))/percentile(cpu, 50).Seconds())
}

func megabytes(n int) float64 { return float64(n) / 1e6 }

// round ends as it began, without the filter.
func (s sized) round(b *testing.B, w *Workload, image string, size int) (sent, answered time.Duration) {
	b.Helper()
	a := onWorkload(w, w.Name, image, fmt.Sprintf("applyPorts: [%d], %s", InboundPort, s.filter))
	former, before := s.send(b, w), sentBytes(b)
	began := time.Now()
	cluster.Apply(b, namespace, a.String())
	for sentBytes(b) < before+float64(size) {
		time.Sleep(patrol)
	}
	sent = time.Since(began)
	s.wait(b, w, s.want, 1)
	answered = time.Since(began) - sent
	if _, err := cluster.Kubectl(b.Context(), "delete", "autowasm", a.name, "-n", namespace); err != nil {
		b.Fatal(err)
	}
	s.wait(b, w, former, 20) // each thread of a proxy changes by itself
	return sent, answered
}

func (s sized) send(b *testing.B, w *Workload) string {
	b.Helper()
	got, err := s.probe.send(b.Context(), w.URL(InboundPort))
	if err != nil {
		b.Fatal(err)
	}
	return got
}

// wait sends the probe until it is answered as wanted so many times in a row.
func (s sized) wait(b *testing.B, w *Workload, want string, times int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), suite.Timeout)
	defer cancel()
	for seen := 0; seen < times && ctx.Err() == nil; {
		if s.send(b, w) == want {
			seen++
			continue
		}
		seen = 0
		time.Sleep(patrol)
	}
	if ctx.Err() != nil {
		b.Fatalf("%s is not answered %q", s.name, want)
	}
}

// sentBytes is how much wasmer's module server has sent.
func sentBytes(b *testing.B) float64 {
	b.Helper()
	n, err := suite.Metric(b.Context(), cluster.Wasmer().MetricsURL, "wasmer_module_sent_bytes_total")
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// processorTime is what a process has used of the processors, in steps of 10 ms.
func processorTime(b *testing.B, l *env.Launched) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.PID()))
	if err != nil {
		b.Fatal(err)
	}
	var user, system time.Duration
	if fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); len(fields) > 12 {
		_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	}
	if err != nil {
		b.Fatal(err)
	}
	return (user + system) * 10 * time.Millisecond
}

// residentMemory is that of a process, in bytes.
func residentMemory(b *testing.B, l *env.Launched) (size int) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.PID()))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &size); err != nil {
		b.Fatal(err)
	}
	return size << 10
}
