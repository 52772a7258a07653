// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// slowModule is larger than what the kernel's buffers of one connection hold.
const slowModule = 20 << 20

// shutdownDelay is enough for a busy machine to see within it that wasmer is to end.
const shutdownDelay = 5 * time.Second

// TestDownloadSurvivesARestart proves invariants 1 and 9 for the module server: told
// to end, it says that it is not ready, goes on answering for a while, and lets a
// proxy with a slow network finish.
func TestDownloadSurvivesARestart(t *testing.T) {
	ns := cluster.Namespace(t)
	restart(t, "--shutdown-delay="+shutdownDelay.String())
	restartAfter(t)
	module := wasmtest.Module(wasmtest.Padding(slowModule), wasmtest.Salt(t.Name()))
	sum := suite.SHA256(module)
	cluster.Apply(t, ns, suite.Manifest{Name: "large", Source: suite.Object(cluster.Object(t, "large.wasm", module), "")}.String())
	cluster.WaitPhase(t, ns, "large", v1alpha1.PhaseSynced)

	download := startDownload(t, cluster.Wasmer().URL+"/wasm/"+sum)
	download.read(t, 1<<20)
	stopped := make(chan error, 1)
	go func() { stopped <- cluster.StopWasmer() }()
	suite.Eventually(t, func(ctx context.Context) error { return notReady(ctx, cluster.Wasmer().HealthURL) })
	requireServed(t, sum)
	for past := time.Now().Add(shutdownDelay + 2*time.Second); time.Now().Before(past); {
		time.Sleep(time.Second)
		download.read(t, 1<<20)
	}
	select {
	case err := <-stopped:
		t.Errorf("wasmer ended, with %v, while a download was under way", err)
	default:
	}
	if got := download.finish(t); got != sum {
		t.Errorf("downloaded %s, want %s", got, sum)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop wasmer: %v", err)
	}
}

// notReady succeeds when a replica says that it does not want new requests.
func notReady(ctx context.Context, health string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, health+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return fmt.Errorf("%s is still ready", health)
	}
	return nil
}

// download is a response that is read as slowly as a test likes: this side buffers
// next to nothing.
type download struct {
	body io.ReadCloser
	hash hash.Hash
}

func startDownload(t *testing.T, url string) *download {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return conn, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s answered %s", url, response.Status)
	}
	return &download{body: response.Body, hash: sha256.New()}
}

// read reads the next n bytes.
func (d *download) read(t *testing.T, n int64) {
	t.Helper()
	if _, err := io.CopyN(d.hash, d.body, n); err != nil {
		t.Fatalf("the download broke off: %v", err)
	}
}

// finish reads the rest and returns the sha256 of the whole.
func (d *download) finish(t *testing.T) string {
	t.Helper()
	if _, err := io.Copy(d.hash, d.body); err != nil {
		t.Fatalf("the download broke off: %v", err)
	}
	return hex.EncodeToString(d.hash.Sum(nil))
}
