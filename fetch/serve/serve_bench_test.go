// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/store"
)

const (
	benchSize        = 2 << 20
	benchConnections = 64
	benchRequests    = 8 // per connection and round
	benchRounds      = 9
)

// BenchmarkServe compares the module server with nginx, sending the same file of
// 2 MB over 64 connections, in turns. It reports our throughput and its ratio to
// nginx's; the wanted ratio is at least 0.8. Without nginx there is no ratio.
func BenchmarkServe(b *testing.B) {
	dir := b.TempDir()
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	sha := put(b, s, wasmtest.Module(wasmtest.Padding(benchSize))).SHA256
	sides := []string{startProcess(b, dir)}
	if nginx, err := exec.LookPath("nginx"); err == nil {
		sides = append(sides, startNginx(b, nginx, filepath.Join(dir, "sha256")))
	} else {
		b.Log("nginx is not on PATH: there is nothing to compare with")
	}
	took := make([][]float64, len(sides))
	for range benchRounds {
		for side, address := range sides {
			took[side] = append(took[side], benchRound(b, address, "/wasm/"+sha).Seconds())
		}
	}
	const megabytes = float64(benchSize) * benchConnections * benchRequests / 1e6
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(megabytes/median(took[0]), "MB/s")
	if len(sides) > 1 {
		b.ReportMetric(median(took[1])/median(took[0]), "x-nginx")
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// benchRound has all connections ask for the file a few times, and takes the time
// from the first request to the last byte.
func benchRound(b *testing.B, address, path string) time.Duration {
	b.Helper()
	connections := make([]net.Conn, benchConnections)
	for i := range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		connections[i] = conn
	}
	var clients sync.WaitGroup
	begun := time.Now()
	for _, conn := range connections {
		clients.Go(func() {
			if err := drainOften(conn, path); err != nil {
				b.Error(err)
			}
		})
	}
	clients.Wait()
	return time.Since(begun)
}

// drainOften is a client that costs as little as a client can.
func drainOften(conn net.Conn, path string) error {
	reader := bufio.NewReaderSize(conn, 256<<10)
	for range benchRequests {
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path); err != nil {
			return err
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil || n != benchSize || response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s with %d bytes: %w", response.Status, n, err)
		}
	}
	return nil
}

// processDir is the environment variable that makes of this test binary a module
// server on the store in that directory: like nginx, it should not share a process
// with the clients.
const processDir = "SERVE_BENCH_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(processDir); dir != "" {
		if err := process(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// process prints where it serves, and serves until its input is closed.
func process(dir string) error {
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return serve.New(serve.Options{Store: s}).Serve(ctx, listener)
}

func startProcess(b *testing.B, dir string) (address string) {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), processDir+"="+dir)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		input.Close()
		if err := command.Wait(); err != nil {
			b.Errorf("the module server: %v", err)
		}
	})
	if _, err := fmt.Fscanln(output, &address); err != nil {
		b.Fatal(err)
	}
	return address
}

// startNginx serves dir on a free port of the loopback until the benchmark ends.
func startNginx(b *testing.B, binary, modules string) (address string) {
	b.Helper()
	address, prefix := freeAddress(b), b.TempDir()
	config := filepath.Join(prefix, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, prefix, address, modules)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	command := exec.CommandContext(ctx, binary, "-p", prefix, "-c", config, "-e", filepath.Join(prefix, "error.log"))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was interrupted
	})
	awaitListener(b, address)
	return address
}

// nginxConfig is what a fair competitor has: sendfile, and no log of accesses.
const nginxConfig = `
daemon off;
user root;
worker_processes auto;
pid %[1]s/pid;
events { worker_connections 512; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/wasm;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server { listen %[2]s; location /wasm/ { alias %[3]s/; } }
}
`

func freeAddress(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func awaitListener(b *testing.B, address string) {
	b.Helper()
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatalf("nginx does not listen on %s", address)
}
