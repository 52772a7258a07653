// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

const (
	// rounds is how often each way is measured.
	rounds = 12
	// patrol is the time between two looks at a proxy.
	patrol = 5 * time.Millisecond
)

// A way is how a filter comes to a proxy.
type way struct {
	name string
	// manifest of a round, which is from 0; what it needs is there before it is applied.
	manifest func(b *testing.B, round int) string
	// autoWasm is the name of the one that the manifest has, "" for none.
	autoWasm string

	commands []time.Duration // how long kubectl apply took
	headers  []time.Duration // from its return to the first response with the header
	readies  []time.Duration // from its return to Ready, and not before that response; none without an AutoWasm
}

// BenchmarkApplyToHeader measures from the return of kubectl apply to the first response with the header: of an AutoWasm
// and of a hand-written EnvoyFilter, each with a module that is new to the proxy, to wasmer too, and with one that the
// proxy has had. The ways take turns on one proxy, and each round begins without a filter.
func BenchmarkApplyToHeader(b *testing.B) {
	w := workload(b, "bench")
	sidecar(b, w, ProxyOptions{Envoy: envoy.Newest})
	example, err := os.ReadFile(cluster.Binaries().Filter)
	if err != nil {
		b.Fatal(err)
	}
	known, byHandKnown := knownModule(b, w, example), byHandKnownModule(w, example)
	ways := []*way{newModule(w, example), byHandNewModule(b, w, example), known, byHandKnown}
	for _, way := range []*way{known, byHandKnown} {
		way.measure(b, w, 0)
		way.commands, way.headers, way.readies = nil, nil, nil // the proxy has the module only now
	}
	for range b.N {
		for round := range rounds {
			for _, way := range ways {
				way.measure(b, w, round)
			}
		}
	}
	report(b, ways, byHandKnown)
}

// newModule has another module in each round.
func newModule(w *Workload, example []byte) *way {
	return &way{name: "AutoWasm-new", autoWasm: w.Name + "-new", manifest: func(b *testing.B, round int) string {
		return benchManifest(w, "new", pushModule(b, fmt.Sprintf("bench:new-%d", round), numbered(example, "new", round)))
	}}
}

// byHandNewModule loads another module in each round from a server that has it.
func byHandNewModule(b *testing.B, w *Workload, example []byte) *way {
	server := serveModules(b, w.Name+"-modules")
	return &way{name: "by-hand-new", manifest: func(b *testing.B, round int) string {
		return handWritten(b, byHand{name: w.Name + "-new", workload: w, server: server, module: server.add(numbered(example, "by hand", round))})
	}}
}

func knownModule(b *testing.B, w *Workload, example []byte) *way {
	image := pushModule(b, "bench:known", example)
	return &way{name: "AutoWasm-known", autoWasm: w.Name + "-known", manifest: func(*testing.B, int) string { return benchManifest(w, "known", image) }}
}

// byHandKnownModule has the module of knownModule, from the same server.
func byHandKnownModule(w *Workload, example []byte) *way {
	server := &moduleServer{Service: service(wasmerName)}
	return &way{name: "by-hand-known", manifest: func(b *testing.B, _ int) string {
		return handWritten(b, byHand{name: w.Name + "-by-hand", workload: w, server: server, module: example})
	}}
}

func handWritten(b *testing.B, f byHand) string {
	b.Helper()
	manifest, err := json.Marshal(f.render(b))
	if err != nil {
		b.Fatal(err)
	}
	return string(manifest)
}

func benchManifest(w *Workload, name, image string) string {
	return autoWasm{
		name: w.Name + "-" + name, image: image,
		selector: fmt.Sprintf("{matchLabels: {app: %s}}", w.Name), filter: fmt.Sprintf("applyPorts: [%d]", InboundPort),
	}.String()
}

// numbered is a module with a custom section behind it, which nobody reads, so that no two are the same.
func numbered(module []byte, name string, number int) []byte {
	name = fmt.Sprintf("%s %d", name, number)
	return slices.Concat(module, []byte{0, byte(len(name) + 1), byte(len(name))}, []byte(name))
}

// measure is one round. It ends as it began, without the filter.
func (w *way) measure(b *testing.B, on *Workload, round int) {
	b.Helper()
	url, manifest := on.URL(InboundPort), w.manifest(b, round)
	began := time.Now()
	cluster.Apply(b, namespace, manifest)
	returned := time.Now()
	w.commands = append(w.commands, returned.Sub(began))
	patrolUntil(b, url, "200 world", 1)
	w.headers = append(w.headers, time.Since(returned))
	if w.autoWasm != "" {
		cluster.WaitFor(b, namespace, w.autoWasm, isReady)
		w.readies = append(w.readies, time.Since(returned))
	}

	if _, err := cluster.KubectlInput(b.Context(), manifest, "delete", "-n", namespace, "-f", "-"); err != nil {
		b.Fatal(err)
	}
	patrolUntil(b, url, "200", 20) // each thread of a proxy changes by itself
}

// patrolUntil looks at a proxy until it gives an answer so many times in a row.
func patrolUntil(b *testing.B, url, want string, times int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), suite.Timeout)
	defer cancel()
	for seen := 0; seen < times; {
		got, err := answerOf(ctx, url)
		switch {
		case err != nil:
			b.Fatalf("wait for %q: %v", want, err)
		case got == want:
			seen++
		default:
			seen = 0
			time.Sleep(patrol)
		}
	}
}

// report prints the ways side by side, and each as a ratio to one of them.
func report(b *testing.B, ways []*way, to *way) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // a round of everything says nothing
	table := fmt.Sprintf("from the return of kubectl apply to the header, and to Ready, %d rounds each\n", len(to.headers))
	for _, w := range ways {
		for _, p := range []int{50, 99} {
			b.ReportMetric(milliseconds(percentile(w.headers, p)), fmt.Sprintf("%s-p%d-ms", w.name, p))
			if w.autoWasm != "" {
				b.ReportMetric(milliseconds(percentile(w.readies, p)), fmt.Sprintf("%s-ready-p%d-ms", w.name, p))
			}
		}
		ratio := milliseconds(percentile(w.headers, 50)) / milliseconds(percentile(to.headers, 50))
		if w != to {
			b.ReportMetric(ratio, fmt.Sprintf("%s/%s-p50", w.name, to.name))
		}
		table += fmt.Sprintf("  %-15s median %4.0f ms, p99 %4.0f ms, ratio of the medians %.2f; kubectl apply itself %4.0f ms\n", w.name,
			milliseconds(percentile(w.headers, 50)), milliseconds(percentile(w.headers, 99)), ratio, milliseconds(percentile(w.commands, 50)))
		if w.autoWasm != "" {
			table += fmt.Sprintf("  %-15s Ready: median %4.0f ms, p99 %4.0f ms\n", w.name, milliseconds(percentile(w.readies, 50)), milliseconds(percentile(w.readies, 99)))
		}
	}
	b.Log(table)
}

// percentile is the smallest value that so many of a hundred values do not exceed.
func percentile(values []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*p+99)/100-1]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
