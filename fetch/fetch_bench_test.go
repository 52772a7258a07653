// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/egress"
)

const (
	benchSize   = 20 << 20
	benchRounds = 15
)

// BenchmarkFetch20MB compares a whole Ensure of a 20 MB image (resolve, download,
// verify, inspect, sync to disk) with a bare GET of its layer and a sha256 of what
// comes, in turns. The wanted ratio is at most 1.3, the wanted heap under 32 MiB.
func BenchmarkFetch20MB(b *testing.B) {
	server := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	reference, blob := pushImage(b, server, wasmtest.Module(wasmtest.Padding(benchSize)))

	sources := source.New(source.Options{Guard: egress.Options{AllowLoopback: true}, PlainHTTPHosts: []string{"127.0.0.1"}})
	var ensure, plain []float64
	for range benchRounds {
		plain = append(plain, seconds(b, func() error { return getAndHash(blob) }))
		ensure = append(ensure, fetchInto(b, sources, reference))
	}
	peak := watchHeap() // apart: reading the heap stops all goroutines
	fetchInto(b, sources, reference)
	heap := peak()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1000*median(ensure), "ms/fetch")
	b.ReportMetric(median(ensure)/median(plain), "x-plain-GET")
	b.ReportMetric(float64(heap)/(1<<20), "MiB-heap")
}

func pushImage(b *testing.B, server *httptest.Server, data []byte) (reference, blobURL string) {
	b.Helper()
	layer := static.NewLayer(data, "application/wasm")
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		b.Fatal(err)
	}
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/bench/module:v1")
	if err != nil {
		b.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		b.Fatal(err)
	}
	return tag.String(), server.URL + "/v2/bench/module/blobs/sha256:" + hashOf(data)
}

// fetchInto fetches the image into a new store, which it removes again, so that a
// round does not pay for the disk space of those before it.
func fetchInto(b *testing.B, sources source.Resolver, reference string) float64 {
	b.Helper()
	dir, err := os.MkdirTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	f := fetch.New(fetch.Options{Store: s, Sources: sources})
	return seconds(b, func() error {
		_, err := f.Ensure(context.Background(), image(reference))
		return err
	})
}

func getAndHash(url string) error {
	response, err := http.Get(url) //nolint:noctx // a benchmark
	if err != nil {
		return err
	}
	defer response.Body.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, response.Body); err != nil {
		return err
	}
	if !strings.HasSuffix(url, hex.EncodeToString(digest.Sum(nil))) {
		return errors.New("another hash")
	}
	return nil
}

func seconds(b *testing.B, fn func() error) float64 {
	b.Helper()
	begun := time.Now()
	if err := fn(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun).Seconds()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// watchHeap reads the heap each millisecond until peak is called, which tells
// by how much it grew at most. The registry's own copy is there before.
func watchHeap() (peak func() uint64) {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before := stats.HeapAlloc
	var stop atomic.Bool
	most := make(chan uint64)
	go func() {
		highest := before
		for !stop.Load() {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			highest = max(highest, stats.HeapAlloc)
			time.Sleep(time.Millisecond)
		}
		most <- highest - before
	}()
	return func() uint64 { stop.Store(true); return <-most }
}

// BenchmarkEnsureCached is what an admission pays for a module that is there.
func BenchmarkEnsureCached(b *testing.B) {
	s, err := store.Open(store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	f := fetch.New(fetch.Options{Store: s, Sources: &registry{modules: map[string][]byte{"reg.example/x": moduleX}}})
	r := image(x)
	if _, err := f.Ensure(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Ensure(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
