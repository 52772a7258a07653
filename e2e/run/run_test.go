// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/doctest"
)

// What is printed of a configuration that the example in Rust refuses: its own words, once.
const (
	refused = "two\nlines"
	words   = `(?m)^error +the configuration is no value of a header: "two\\nlines"$`
)

// TestRun: the filter is before the server, each change of its files is seen, and the last version goes on where the next
// one does not start.
func TestRun(t *testing.T) {
	t.Parallel()
	r := start(t, "blue")
	if status, hello, body := r.get(t); status != http.StatusOK || hello != "blue" || !strings.HasPrefix(body, "GET /path?a=b HTTP/1.1\n") {
		t.Errorf("%d %q\n%s", status, hello, body)
	}
	r.write(t, "config", refused)
	r.prints(t, words)
	r.prints(t, `(?m)^The last version goes on: Envoy refuses the filter: .*configure`)
	r.stays(t, "blue")
	if got := strings.Count(r.out.String(), "no value of a header"); got != 1 {
		t.Errorf("the module's words are printed %d times:\n%s", got, r.out.String())
	}
	began := time.Now()
	r.write(t, "config", "green")
	r.says(t, "green")
	t.Logf("a change of the configuration took %s", time.Since(began))
	r.write(t, "filter.wasm", "no module")
	r.until(t, "error", func() bool { return strings.Contains(r.errs.String(), "; the last version goes on\n") })
	r.stays(t, "green")
	began = time.Now()
	r.write(t, "filter.wasm", string(wasmtest.Module(wasmtest.TrapOnHeaders(30))))
	r.until(t, "answer of another module", func() bool { status, hello, _ := r.get(t); return status == 200 && hello == "" })
	t.Logf("a change of the module took %s", time.Since(began))
	if status, _, _ := r.get(t, make([]string, 30)...); status != http.StatusServiceUnavailable {
		t.Errorf("status %d of a request that traps", status)
	}
	r.prints(t, `(?m)^error +Envoy: Function: proxy_on_request_headers failed: `)
	r.until(t, "filter after the trap", func() bool { status, _, _ := r.get(t); return status == 200 })
	r.signal(t, os.Interrupt)
	r.leavesNothing(t)
	if code := r.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, %s", code, r.errs.String())
	}
}

func (r *running) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := r.command.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// TestRefusedAtFirst: requests fail until the configuration is right. Then wasmc is killed.
func TestRefusedAtFirst(t *testing.T) {
	t.Parallel()
	r := start(t, refused)
	r.prints(t, words)
	r.prints(t, `(?m)^It does not run, and requests fail until a file changes: Envoy refuses the filter: `)
	if status, _, _ := r.get(t); status < 500 {
		t.Errorf("status %d of a filter that does not run", status)
	}
	r.write(t, "config", "blue")
	r.says(t, "blue")
	r.signal(t, os.Kill)
	r.leavesNothing(t)
}

// TestEnds: wasmc ends with Envoy or its supervisor, and says why.
func TestEnds(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{
		"envoy": "Envoy ended: signal: killed",
		"wasmc": "Envoy ended: its supervisor: signal: killed",
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			r := start(t, "blue")
			pid := r.children(t)[program]
			if pid == 0 {
				t.Fatalf("no %s: %v", program, r.children(t))
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			r.leavesNothing(t)
			if code := r.command.ProcessState.ExitCode(); code != 1 || !strings.Contains(r.errs.String(), want) {
				t.Errorf("exit code %d, %s", code, r.errs.String())
			}
		})
	}
}

// TestDocumentedRun runs the commands of the page.
func TestDocumentedRun(t *testing.T) {
	t.Parallel()
	found, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "add-header.wasm"), []byte(found.example(t, "rust")), 0o600); err != nil {
		t.Fatal(err)
	}
	doctest.Shell{
		Root: found.root, Dir: dir, Stands: []string{"10080", freePort(t), "10081", freePort(t)},
		Env:   []string{"PATH=" + filepath.Dir(found.wasmc) + ":" + os.Getenv("PATH"), "ENVOY=" + found.envoy, "HOME=" + t.TempDir()},
		Masks: []doctest.Mask{doctest.NewMask(`again in \S+`, "again in TIME")},
	}.Run(t, doctest.Section("wasmc-run"))
}

// freePort returns a port that nothing listens on, and that no client is given.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := env.ListenFree()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
