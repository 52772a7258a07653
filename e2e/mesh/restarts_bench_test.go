// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/envoy"
)

const (
	// restarts is how often each filter traps for BenchmarkRestarts.
	restarts = 10
	// healthy is how long a filter has run before it traps: Envoy restarts one that has not run for 1.5 s later.
	healthy = 2 * time.Second
	// trapHeaders is how many more headers than others a request has on which the smallest module traps.
	trapHeaders = 40
)

// crs are Coraza's core rules, which each start reads.
const crs = `config: {default_directives: default, directives_map: {default: [Include @recommended-conf, Include @crs-setup-conf,
  Include @owasp_crs/*.conf, SecRuleEngine On]}}`

// A trapper is a filter that traps at a request with the header trap and many others, and lets all others pass.
type trapper struct {
	name   string
	module func(b *testing.B) []byte
	filter string
}

func trappers(b *testing.B) []trapper {
	filters := buildFilters(b)
	file := func(name string) func(*testing.B) []byte {
		return func(b *testing.B) []byte {
			module, err := os.ReadFile(filepath.Join(filters, name))
			if err != nil {
				b.Fatal(err)
			}
			return module
		}
	}
	tiny := func(*testing.B) []byte { return wasmtest.Module(wasmtest.TrapOnHeaders(trapHeaders)) }
	return []trapper{{"tiny", tiny, ""}, {"go", file("headers.wasm"), "config: x"}, {"coraza", file("coraza.wasm"), waf}, {"coraza-crs", file("coraza.wasm"), crs}}
}

// BenchmarkRestarts measures what it costs a worker to start a filter again after a trap: how much longer the next request
// takes, which all other requests of this worker wait for, and the memory; and how many good requests get 503 beside a
// stream of requests that trap.
func BenchmarkRestarts(b *testing.B) {
	b.ReportMetric(0, "ns/op") // a round of everything says nothing
	table := "a restart after a trap\n"
	for _, t := range trappers(b) {
		table += t.measure(b)
	}
	b.Log(table)
}

// measure returns a line of the table.
func (t trapper) measure(b *testing.B) string {
	b.Helper()
	w, module := workload(b, "restarts-"+t.name), t.module(b)
	p := sidecar(b, w, ProxyOptions{Envoy: envoy.Newest})
	a := onWorkload(w, w.Name, pushModule(b, w.Name+":v1", module), fmt.Sprintf("applyPorts: [%d], %s", InboundPort, t.filter))
	cluster.Apply(b, namespace, a.String())
	cluster.WaitFor(b, a.space(), a.name, summarized(running(1)))
	memory, used := residentMemory(b, p.Launched), processorTime(b, p.Launched)
	normal, next := timeRestarts(b, w)
	memory, used = (residentMemory(b, p.Launched)-memory)/restarts, (processorTime(b, p.Launched)-used)/restarts
	once, often := failedBeside(b, w, time.Second), failedBeside(b, w, 100*time.Millisecond)
	if _, err := cluster.Kubectl(b.Context(), "delete", "autowasm", a.name, "-n", namespace); err != nil {
		b.Fatal(err)
	}
	stop(b, p)
	b.ReportMetric(milliseconds(percentile(next, 50)), t.name+"-restart-p50-ms")
	return fmt.Sprintf("%-10s %6.2f MB  a request %5.1f ms, the next after a trap %7.1f ms, of the processor %4.0f ms  memory %+6.2f MB a trap  "+
		"503 beside 1/s: %2.0f %%, beside 10/s: %2.0f %%\n", t.name, megabytes(len(module)), milliseconds(percentile(normal, 50)),
		milliseconds(percentile(next, 50)), milliseconds(used), megabytes(memory), once, often)
}

// timeRestarts has a worker's filter trap now and then, and returns how long a request takes, and the next one after a trap.
// All are on one connection, and so on one worker.
func timeRestarts(b *testing.B, w *Workload) (normal, next []time.Duration) {
	b.Helper()
	c := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: answerTimeout}
	defer c.CloseIdleConnections()
	get := func(traps bool, want int) time.Duration {
		began := time.Now()
		if got := statusOf(b, c, w, traps); got != want {
			b.Fatalf("%s answers %d to a request that traps: %t", w.Name, got, traps)
		}
		return time.Since(began)
	}
	for range restarts {
		time.Sleep(healthy)
		normal = append(normal, get(false, http.StatusOK))
		get(true, http.StatusServiceUnavailable)
		next = append(next, get(false, http.StatusOK))
	}
	return normal, next
}

// failedBeside returns how many of a hundred good requests are answered 503 while others trap.
func failedBeside(b *testing.B, w *Workload, every time.Duration) float64 {
	b.Helper()
	const during = 10 * time.Second
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: answerTimeout}
	var trapping sync.WaitGroup
	end := time.Now().Add(during)
	trapping.Go(func() {
		for ; time.Now().Before(end); time.Sleep(every) {
			statusOf(b, c, w, true)
		}
	})
	var all, failed float64
	for ; time.Now().Before(end); time.Sleep(2 * pause) {
		all++
		if statusOf(b, c, w, false) == http.StatusServiceUnavailable {
			failed++
		}
	}
	trapping.Wait()
	return 100 * failed / all
}

// statusOf is that of the answer to a request that has a filter trap, or not. It is 0 for none.
func statusOf(b *testing.B, c *http.Client, w *Workload, traps bool) int {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.URL(InboundPort), strings.NewReader(""))
	if err != nil {
		b.Error(err)
		return 0
	}
	for i := 0; traps && i < trapHeaders; i++ {
		r.Header.Set(fmt.Sprintf("trap-%d", i), "x")
		r.Header.Set("trap", "x")
	}
	response, err := c.Do(r)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		b.Error(err)
	}
	return response.StatusCode
}
