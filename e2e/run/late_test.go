// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/internal/localenvoy"
)

// TestALateVersionIsNotTheNext: what becomes of a version that Envoy gets too late is not said of the one after it.
func TestALateVersionIsNotTheNext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // where the files of the Envoy are
	found, err := built()
	if err != nil {
		t.Fatal(err)
	}
	wasm := []byte(found.example(t, "rust"))
	proxy, err := localenvoy.Start(t.Context(), localenvoy.Options{
		Binary: found.envoy, Supervisor: []string{found.wasmc, "supervise-envoy"}, Upstream: "127.0.0.1:9", LogLevel: "info",
		LoadTimeout: 5 * time.Second, Line: func(localenvoy.Line) {},
	}, wasm, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	signal := func(s syscall.Signal) {
		t.Helper()
		envoy := (&running{dir: dir}).children(t)[filepath.Base(found.envoy)]
		if err := syscall.Kill(envoy, s); envoy == 0 || err != nil {
			t.Fatalf("signal Envoy, process %d: %v", envoy, err)
		}
	}
	signal(syscall.SIGSTOP)
	if err := proxy.Load(t.Context(), wasm, []byte("two")); err == nil || !strings.Contains(err.Error(), "within 5s") {
		t.Errorf("of an Envoy that has stopped: %v", err)
	}
	signal(syscall.SIGCONT)
	err = proxy.Load(t.Context(), wasm, []byte("no\nvalue"))
	if _, refused := errors.AsType[*localenvoy.RefusedError](err); !refused {
		t.Errorf("of a configuration that the filter refuses: %v", err)
	}
	if err := proxy.Load(t.Context(), wasm, []byte("three")); err != nil {
		t.Errorf("of one that it takes: %v", err)
	}
}
