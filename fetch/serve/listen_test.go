// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/store"
)

// damage cuts every module of a store short.
func damage(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "sha256", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, ".json") {
			if err := os.Truncate(file, 10); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A server is ready for as long as it listens.
func TestReadyWhileListening(t *testing.T) {
	f := newFiller(t)
	server := serve.New(serve.Options{Store: f.store, Filler: f})
	if err := server.Ready(); err == nil {
		t.Error("ready before it listens")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	if err := get(http.DefaultClient, "http://"+listener.Addr().String()+"/healthz"); err != nil {
		t.Errorf("a listening server: %v", err)
	}
	if err := server.Ready(); err != nil {
		t.Errorf("not ready although it listens: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if err := server.Ready(); err == nil {
		t.Error("ready after it stopped")
	}
}

// A request that is under way when the server stops gets its answer,
// new ones do not, and nothing is left running.
func TestStopLetsRequestsEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFiller(t)
	f.delay = 200 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.New(serve.Options{Store: f.store, Filler: f}).Serve(ctx, listener) }()

	url := "http://" + listener.Addr().String() + "/wasm/" + hashOf(wanted)
	transport := &http.Transport{}
	answered := make(chan error, 1)
	go func() { answered <- get(&http.Client{Transport: transport}, url) }()
	for f.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
	transport.CloseIdleConnections()
	if err := get(http.DefaultClient, url); err == nil {
		t.Error("the server still answers")
	}
}

func get(c *http.Client, url string) error {
	response, err := c.Get(url) //nolint:noctx // a test
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// A client that does not read must not keep the server from stopping.
func TestStopCutsOffWhoDoesNotRead(t *testing.T) {
	s := newStore(t)
	sha := put(t, s, wasmtest.Module(wasmtest.Padding(30<<20))).SHA256
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serve.New(serve.Options{Store: s, DrainTimeout: 50 * time.Millisecond}).Serve(ctx, listener)
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /wasm/%s HTTP/1.1\r\nHost: x\r\n\r\n", sha)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Serve = %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server does not stop")
	}
	if n, _ := io.Copy(io.Discard, conn); n > 20<<20 { // what was on its way already may come
		t.Errorf("%d bytes came after the server had stopped", n)
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := serve.New(serve.Options{Store: newStore(t)}).Serve(t.Context(), listener); err == nil {
		t.Error("it served on a closed listener")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := serve.New(serve.Options{Store: newStore(t), Address: taken.Addr().String()}).Start(t.Context()); err == nil {
		t.Error("it started on a taken port")
	}
}

func TestMetricsRegisteredTwiceAreAnError(t *testing.T) {
	o := serve.Options{Store: newStore(t), Registry: prometheus.NewRegistry(), Address: "127.0.0.1:0"}
	serve.New(o)
	if err := serve.New(o).Start(t.Context()); err == nil {
		t.Error("there is no error")
	}
}

// Modules are put, served and evicted at once: an answer is the whole module or
// none.
func TestConcurrentPutEvictServe(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir(), Retention: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	data := wasmtest.Module(wasmtest.Padding(200_000))
	url := start(t, serve.Options{Store: s}) + "/wasm/" + hashOf(data)
	done := make(chan struct{})
	var background, clients sync.WaitGroup
	background.Go(func() {
		for open(done) {
			put(t, s, data)
			if _, err := s.Evict(func(string) bool { return false }); err != nil {
				t.Error(err)
			}
		}
	})
	for range 8 {
		clients.Go(func() { getOften(t, client(t, h1()), url, hashOf(data)) })
	}
	clients.Wait()
	close(done)
	background.Wait()
}

func open(done chan struct{}) bool {
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func getOften(t *testing.T, c *http.Client, url, hash string) {
	for range 50 {
		if got := send(t, c, "GET", url); got.Code == 200 && got.Hash != hash {
			t.Errorf("served %+v", got)
		} else if got.Code != 200 && got.Code != 404 {
			t.Errorf("%d", got.Code)
		}
	}
}
