// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/host"
)

// filters are those of the examples: of 17 KB, 0.1 MB and 3 MB.
var filters = []string{"assemblyscript", "rust", "go"}

// read returns an example's module. That of Go is built.
func read(b *testing.B, language string) []byte {
	b.Helper()
	path := filepath.Join("..", "examples", "add-header-"+language, "add-header.wasm")
	if language == "go" {
		path = filepath.Join(b.TempDir(), "go.wasm")
		build := exec.CommandContext(b.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "../examples/add-header")
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", build, err, out)
		}
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return wasm
}

// start starts and configures a filter.
func start(b *testing.B, wasm []byte) (*host.Module, *host.Plugin) {
	b.Helper()
	m, err := host.Compile(b.Context(), wasm, host.Interpreter)
	if err != nil {
		b.Fatal(err)
	}
	vm, err := m.Start(b.Context(), host.VMConfig{ID: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	p, err := vm.Plugin(b.Context(), host.PluginConfig{RootID: "add_header", Configuration: []byte("bench")})
	if err != nil {
		b.Fatal(err)
	}
	return m, p
}

// request takes a request and its response through the filter.
func request(b *testing.B, p *host.Plugin) {
	b.Helper()
	s, err := p.Stream(b.Context(), host.StreamConfig{})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.RequestHeaders(b.Context(), host.Headers{{":method", "GET"}, {":path", "/"}, {":authority", "a"}}, true); err != nil {
		b.Fatal(err)
	}
	if err := s.ResponseHeaders(b.Context(), host.Headers{{":status", "200"}}, true); err != nil {
		b.Fatal(err)
	}
	if value, _ := s.Response().Headers.Get("hello"); value != "bench" {
		b.Fatalf("hello: %q", value)
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTrial compiles, starts and configures a filter, and takes one request through it.
func BenchmarkTrial(b *testing.B) {
	for _, language := range filters {
		b.Run(language, func(b *testing.B) {
			wasm := read(b, language)
			b.ReportAllocs()
			for b.Loop() {
				m, p := start(b, wasm)
				request(b, p)
				_ = m.Close(context.Background())
			}
		})
	}
}

// BenchmarkRequest takes requests through a filter that runs.
func BenchmarkRequest(b *testing.B) {
	for _, language := range filters {
		b.Run(language, func(b *testing.B) {
			m, p := start(b, read(b, language))
			defer func() { _ = m.Close(context.Background()) }()
			b.ReportAllocs()
			for b.Loop() {
				request(b, p)
			}
		})
	}
}
