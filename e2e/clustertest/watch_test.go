//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/process"
)

// A watch gets the application 20 times a second, from its client.
type watch struct {
	stdin io.Closer
	ended chan error
	out   string
}

// startWatch starts a watch, which ends with stop, or the test.
func startWatch(t testing.TB, namespace string) *watch {
	t.Helper()
	args := []string{"exec", "-i", "-n", namespace, "deployment/client", "-c", "app", "--", "/app", "watch", "http://details:9080/", "hello: world"}
	stdin, closer := io.Pipe()
	w := &watch{stdin: closer, ended: make(chan error, 1)}
	go func() {
		cmd := exec.CommandContext(t.Context(), "kubectl", args...)
		cmd.Stdin = stdin
		var err error
		w.out, err = process.Output(cmd)
		w.ended <- err
	}()
	t.Cleanup(func() { closer.Close() })
	return w
}

// stop ends the watch and fails the test for each answer that failed or had no header of the filter.
func (w *watch) stop(t testing.TB) {
	t.Helper()
	w.stdin.Close()
	err := <-w.ended
	lines := strings.Split(strings.TrimSpace(w.out), "\n")
	last := len(lines) - 1
	t.Logf("%d failed of %s", last, lines[last])
	for _, failure := range lines[:last] {
		t.Errorf("failed request: %s", failure)
	}
	if err != nil {
		t.Errorf("the requests ended early: %v", err)
	}
}
