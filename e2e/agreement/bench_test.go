// SPDX-License-Identifier: Apache-2.0

package agreement

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/host"
)

// batch is how many requests are sent between two readings of the processor time that they took.
const batch = 500

// BenchmarkRequest measures what a filter adds to a request, as processor time: in Envoy, beside a listener without it and in
// turns, and in the host.
func BenchmarkRequest(b *testing.B) {
	examples := filepath.Join(checkout(b), "examples")
	filters := map[string]string{
		"assemblyscript": filepath.Join(examples, "add-header-assemblyscript", "add-header.wasm"),
		"rust":           filepath.Join(examples, "add-header-rust", "add-header.wasm"),
		"go":             buildFilter(b, filepath.Join("examples", "add-header")),
	}
	plugins := map[string]plugin{"none": {}}
	for name, file := range filters {
		plugins[name] = plugin{file, "add_header", "bench"}
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	b.Cleanup(upstream.Close)
	p := startEnvoy(b, plugins, cluster("upstream", upstream, object{"http_protocol_options": object{}}))
	for name, file := range filters {
		b.Run(name, func(b *testing.B) {
			vm := newHosted(b, file)
			var with, without, hosted time.Duration
			p.requests(b, "none", "")
			p.requests(b, name, "bench")
			vm.requests(b)
			rounds := 0
			for b.Loop() {
				rounds++
				without += p.requests(b, "none", "")
				with += p.requests(b, name, "bench")
				hosted += vm.requests(b)
			}
			each := func(all time.Duration) float64 { return float64(all.Nanoseconds()) / 1000 / float64(rounds*batch) }
			b.ReportMetric(each(with-without), "µs/envoy")
			b.ReportMetric(each(hosted), "µs/host")
			b.ReportMetric(float64(hosted)/float64(with-without), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// requests sends requests to a listener, and returns what processor time Envoy took for them.
func (p *proxy) requests(b *testing.B, name, hello string) time.Duration {
	b.Helper()
	before := p.processorTime(b)
	for range batch {
		answer, err := http.Get("http://" + p.addresses[name])
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if got := answer.Header.Get("hello"); answer.StatusCode != http.StatusOK || got != hello {
			b.Fatalf("%s answers %s with hello %q", name, answer.Status, got)
		}
	}
	return p.processorTime(b) - before
}

// processorTime is what all threads of Envoy took so far.
func (p *proxy) processorTime(b *testing.B) (all time.Duration) {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err != nil || len(threads) == 0 {
		b.Fatalf("read the processor time of Envoy: %v; the kernel has to have schedstat (CONFIG_SCHED_INFO)", err)
	}
	for _, thread := range threads {
		line, _ := os.ReadFile(thread) // it may have ended
		var took int64
		_, _ = fmt.Sscan(string(line), &took)
		all += time.Duration(took)
	}
	return all
}

// hosted is a filter in the host.
type hosted struct{ plugin *host.Plugin }

func newHosted(b *testing.B, file string) hosted {
	b.Helper()
	vm, err := compile(b, file).Start(b.Context(), host.VMConfig{ID: "vm"})
	if err != nil {
		b.Fatal(err)
	}
	p, err := vm.Plugin(b.Context(), host.PluginConfig{RootID: "add_header", Configuration: []byte("bench")})
	if err != nil {
		b.Fatal(err)
	}
	return hosted{p}
}

// requests takes requests and their responses through the filter, and returns what processor time that took.
func (h hosted) requests(b *testing.B) time.Duration {
	b.Helper()
	before := ownTime(b)
	for range batch {
		s, err := h.plugin.Stream(b.Context(), host.StreamConfig{})
		if err != nil {
			b.Fatal(err)
		}
		pass := []func() error{
			func() error {
				return s.RequestHeaders(b.Context(), host.Headers{{":authority", "a"}, {":path", "/"}, {":method", "GET"}, {":scheme", "http"}}, true)
			},
			func() error {
				return s.ResponseHeaders(b.Context(), host.Headers{{":status", "200"}, {"content-length", "5"}}, false)
			},
			func() error { return s.ResponseBody(b.Context(), []byte("hello"), true) },
			func() error { return s.Close(b.Context()) },
		}
		for _, step := range pass {
			if err := step(); err != nil {
				b.Fatal(err)
			}
		}
	}
	return ownTime(b) - before
}

// ownTime is the processor time of this process so far.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
