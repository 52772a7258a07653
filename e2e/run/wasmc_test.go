// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/internal/buffertest"
	"github.com/autowasm/autowasm/internal/envoy"
)

// timeout is how long something may take that is to happen.
const timeout = time.Minute

// programs are wasmc and an Envoy.
type programs struct{ wasmc, envoy, root string }

// built builds and finds them once.
var built = sync.OnceValues(func() (p programs, err error) {
	b, err := build.NewBuilder("", "", nil)
	if err != nil {
		return p, err
	}
	p.root = b.Checkout
	if p.wasmc, err = b.Product(context.Background(), "cmd/wasmc"); err != nil {
		return p, err
	}
	p.envoy, err = envoy.Pinned(context.Background(), b.Downloads(), envoy.Newest)
	return p, err
})

// example reads the module of an example.
func (p programs) example(t *testing.T, language string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.root, "examples", "add-header-"+language, "add-header.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// running is a wasmc run.
type running struct {
	programs
	command *exec.Cmd
	dir     string // with filter.wasm and config; the files of Envoy are in tmp
	url     string
	out     buffertest.Buffer
	errs    buffertest.Buffer
	ended   chan struct{}
}

// start runs the example in Rust with a configuration, and waits until it can be called.
func start(t *testing.T, config string) *running {
	t.Helper()
	found, err := built()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{programs: found, dir: t.TempDir(), ended: make(chan struct{})}
	r.write(t, "filter.wasm", found.example(t, "rust"))
	r.write(t, "config", config)
	if err := os.Mkdir(filepath.Join(r.dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.command = exec.Command(found.wasmc, "run", "filter.wasm", "--config", "config")
	r.command.Dir, r.command.Stdout, r.command.Stderr = r.dir, &r.out, &r.errs
	r.command.Env = append(os.Environ(), "ENVOY="+found.envoy, "TMPDIR="+filepath.Join(r.dir, "tmp"))
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.command.Wait()
	}()
	t.Cleanup(func() {
		_ = r.command.Process.Signal(os.Interrupt)
		<-r.ended
	})
	r.url = r.prints(t, `Listening on (\S+),`)
	return r
}

func (r *running) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// prints waits until wasmc has printed what matches, and returns the last group.
func (r *running) prints(t *testing.T, pattern string) string {
	t.Helper()
	var found []string
	r.until(t, pattern, func() bool {
		found = regexp.MustCompile(pattern).FindStringSubmatch(r.out.String())
		return found != nil
	})
	return found[len(found)-1]
}

func (r *running) until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s; wasmc printed\n%s\n%s", what, r.out.String(), r.errs.String())
		}
	}
}

// get returns the status of an answer, its header hello and its body. The request has as many headers x-more.
func (r *running) get(t *testing.T, more ...string) (status int, hello, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/path?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["X-More"] = more
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", ""
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("hello"), string(content)
}

// says waits until an answer has this header.
func (r *running) says(t *testing.T, hello string) {
	t.Helper()
	r.until(t, "hello: "+hello, func() bool {
		_, got, _ := r.get(t)
		return got == hello
	})
}

// stays requires that an answer has this header now.
func (r *running) stays(t *testing.T, hello string) {
	t.Helper()
	if status, got, _ := r.get(t); got != hello {
		t.Errorf("%d, hello: %q, want %q", status, got, hello)
	}
}

// children are the processes below wasmc by their names: those whose command line has the directory of the run.
func (r *running) children(t *testing.T) map[string]int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, path := range lines {
		content, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(content), r.dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		program, _, _ := strings.Cut(string(content), "\x00")
		found[filepath.Base(program)] = pid
	}
	return found
}

// leavesNothing waits for the end of wasmc, and until no process and no file of it is left.
func (r *running) leavesNothing(t *testing.T) {
	t.Helper()
	<-r.ended
	r.until(t, "end of Envoy", func() bool { return len(r.children(t)) == 0 })
	r.until(t, "end of its files", func() bool {
		left, err := os.ReadDir(filepath.Join(r.dir, "tmp"))
		return err == nil && len(left) == 0
	})
}
