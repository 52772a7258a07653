// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

const benchRounds = 31

// BenchmarkPut compares Put with the least that can be done: io.Copy to a file and a
// sha256, sync, rename. Both run in turns. x-plain is the ratio of their medians; Put
// also inspects the module, writes its record and syncs the directory.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{100 << 10, 4 << 20, 20 << 20} {
		data := wasmtest.Module(wasmtest.Padding(size))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
		sources := map[string]func() io.ReadCloser{
			"memory": func() io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) },
			"http":   func() io.ReadCloser { return get(b, server.URL) },
		}
		for _, from := range []string{"memory", "http"} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, from), func(b *testing.B) { comparePuts(b, sources[from]) })
		}
		server.Close()
	}
}

func comparePuts(b *testing.B, source func() io.ReadCloser) {
	var put, plain []float64
	for round := range benchRounds {
		if round%2 == 0 {
			plain = append(plain, timed(b, source, plainPut))
		}
		put = append(put, timed(b, source, storePut))
		if round%2 == 1 {
			plain = append(plain, timed(b, source, plainPut))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1000*median(put), "ms/put")
	b.ReportMetric(median(put)/median(plain), "x-plain")
}

func storePut(dir string, r io.Reader) error {
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		return err
	}
	_, err = s.Put(context.Background(), r, "", store.Claim{})
	return err
}

// plainPut is what Put is compared with.
func plainPut(dir string, r io.Reader) error {
	f, err := os.CreateTemp(dir, "")
	if err != nil {
		return err
	}
	defer f.Close()
	digest := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, digest), r); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, hex.EncodeToString(digest.Sum(nil))))
}

// timed puts a module into a directory of its own, which is removed again.
func timed(b *testing.B, source func() io.ReadCloser, put func(dir string, r io.Reader) error) float64 {
	b.Helper()
	dir, err := os.MkdirTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	begun := time.Now()
	body := source()
	defer body.Close()
	if err := put(dir, body); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun).Seconds()
}

func get(b *testing.B, url string) io.ReadCloser {
	b.Helper()
	response, err := http.Get(url) //nolint:noctx // a benchmark
	if err != nil {
		b.Fatal(err)
	}
	return response.Body
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
