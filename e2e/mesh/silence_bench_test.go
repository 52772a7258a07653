// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/internal/envoy"
)

// cpuLimits are those of proxies that BenchmarkSilence measures.
var cpuLimits = []float64{0.5, 1, 2}

// BenchmarkSilence measures for how long a proxy that is held to some CPUs answers nobody while it compiles a module, its
// readiness probe among them.
func BenchmarkSilence(b *testing.B) {
	b.ReportMetric(0, "ns/op") // a round of everything says nothing
	table := "the longest time without an answer of the admin page of a proxy that takes a new module\n"
	for i, s := range sizes(b) {
		for j, cpus := range cpuLimits {
			silent := s.silence(b, cpus, 1000+10*i+j)
			b.ReportMetric(silent.Seconds(), fmt.Sprintf("%s-on-%.1f-s", s.name, cpus))
			table += fmt.Sprintf("%-8s %.1f CPUs  %6.2f s\n", s.name, cpus, silent.Seconds())
		}
	}
	b.Log(table)
}

// silence has a proxy take a module, which has a number of its own.
func (s sized) silence(b *testing.B, cpus float64, number int) time.Duration {
	b.Helper()
	module, err := os.ReadFile(s.file)
	if err != nil {
		b.Fatal(err)
	}
	w := workload(b, fmt.Sprintf("held-%s-%d", s.name, number))
	p := sidecar(b, w, ProxyOptions{Envoy: envoy.Newest})
	holdTo(b, p.Launched, cpus)
	a := onWorkload(w, w.Name, pushModule(b, w.Name+":v1", numbered(module, "held", number)), fmt.Sprintf("applyPorts: [%d], %s", InboundPort, s.filter))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	longest := longestSilence(ctx, p)
	cluster.Apply(b, namespace, a.String())
	s.wait(b, w, s.want, 1)
	time.Sleep(time.Second) // for the answer that ends the silence
	cancel()
	silent := <-longest
	stop(b, p)
	return silent
}

// longestSilence asks a proxy for its readiness until the context ends, and then sends what the longest time between two
// answers was.
func longestSilence(ctx context.Context, p *Proxy) <-chan time.Duration {
	result := make(chan time.Duration, 1)
	go func() {
		longest, last := time.Duration(0), time.Now()
		for ; ctx.Err() == nil; time.Sleep(patrol) {
			if env.Probe(ctx, p.AdminURL+"/ready") == nil {
				longest, last = max(longest, time.Since(last)), time.Now()
			}
		}
		result <- longest
	}()
	return result
}

// holdTo lets a process use so many CPUs at most, as a container's limit does.
func holdTo(b *testing.B, l *env.Launched, cpus float64) {
	b.Helper()
	dir, quota, err := cpuGroup(cpus)
	if errors.Is(err, fs.ErrPermission) {
		b.Skipf("only root can hold a proxy to %.1f CPUs: %v", cpus, err)
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range []struct{ name, content string }{quota, {"cgroup.procs", strconv.Itoa(l.PID())}} {
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(file.content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			b.Error(err)
		}
	})
}

// cpuGroup makes a control group, of the first or second version of Linux' control groups, and returns which of its files
// holds how much of the CPUs it gets.
func cpuGroup(cpus float64) (dir string, quota struct{ name, content string }, err error) {
	const period = 100_000 // microseconds
	first := "/sys/fs/cgroup/cpu"
	if _, err := os.Stat(filepath.Join(first, "cpu.cfs_quota_us")); err == nil {
		quota.name, quota.content = "cpu.cfs_quota_us", fmt.Sprintf("%.0f", cpus*period)
	} else {
		first, quota.name, quota.content = "/sys/fs/cgroup", "cpu.max", fmt.Sprintf("%.0f %d", cpus*period, period)
	}
	dir, err = os.MkdirTemp(first, "autowasm-")
	return dir, quota, err
}
