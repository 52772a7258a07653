// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/internal/buffertest"
)

// running is a wasmc run that is going on.
type running struct {
	url  string
	out  *buffertest.Buffer
	errs *buffertest.Buffer
	stop context.CancelFunc
	code chan int
}

// startRun runs a filter in the host of wasmc.
func startRun(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	r := &running{out: &buffertest.Buffer{}, errs: &buffertest.Buffer{}, stop: stop, code: make(chan int, 1)}
	go func() {
		r.code <- run(ctx, streams{In: strings.NewReader(""), Out: r.out, Err: r.errs}, plainName, append([]string{"run", "--host"}, args...))
	}()
	listening := regexp.MustCompile(`Listening on (\S+),`)
	r.until(t, func() bool { return listening.MatchString(r.out.String()) })
	r.url = listening.FindStringSubmatch(r.out.String())[1]
	return r
}

func (r *running) until(t *testing.T, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not happen; wasmc printed\n%s\n%s", r.out, r.errs)
		}
	}
}

// get returns the header hello and the body of an answer.
func (r *running) get(t *testing.T) (status int, hello, body string) {
	t.Helper()
	answer, err := http.Get(r.url + "/a?b=c")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("hello"), string(content)
}

// TestRunHost: each change of the configuration or the module is seen, and a module that is none changes nothing.
func TestRunHost(t *testing.T) {
	rustFilter(t)
	r := startRun(t, "filter.wasm", "--config", "config")
	if status, hello, body := r.get(t); status != 200 || hello != "there" || !strings.HasPrefix(body, "GET /a?b=c HTTP/1.1\nhost: "+strings.TrimPrefix(r.url, "http://")+"\n") {
		t.Errorf("%d %q %s", status, hello, body)
	}
	write(t, "config", []byte("two\nlines"))
	r.until(t, func() bool { return strings.Contains(r.out.String(), "The last version goes on: proxy_on_configure ") })
	if _, hello, _ := r.get(t); hello != "there" {
		t.Errorf("hello: %q", hello)
	}
	if want := `error    the configuration is no value of a header: "two\nlines"` + "\n"; !strings.Contains(r.out.String(), want) {
		t.Errorf("no %q in %s", want, r.out)
	}
	write(t, "config", bytes.Repeat([]byte("x"), 256<<10+1))
	r.until(t, func() bool {
		return strings.Contains(r.errs.String(), "wasmc: load filter.wasm again: read --config: config has more than 256 KiB, which apply denies: let the module load large data by itself; the last version goes on\n")
	})
	write(t, "config", []byte("everyone"))
	r.until(t, func() bool { _, hello, _ := r.get(t); return hello == "everyone" })
	write(t, "filter.wasm", []byte("text"))
	r.until(t, func() bool { return strings.Contains(r.errs.String(), "; the last version goes on\n") })
	if _, hello, _ := r.get(t); hello != "everyone" {
		t.Errorf("hello: %q", hello)
	}
	r.stop()
	if code := <-r.code; code != exitOK {
		t.Errorf("exit code %d, %s", code, r.errs)
	}
}

// TestRunHostRefused: a filter that does not start from the beginning is repaired by a change.
func TestRunHostRefused(t *testing.T) {
	rustFilter(t)
	write(t, "config", []byte("two\nlines"))
	r := startRun(t, "filter.wasm", "--config", "config")
	r.until(t, func() bool {
		return strings.Contains(r.out.String(), "It does not run, and requests fail until a file changes: ")
	})
	if status, _, _ := r.get(t); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	write(t, "config", []byte("three\nlines"))
	r.until(t, func() bool { return strings.Contains(r.out.String(), "It still does not run: proxy_on_configure ") })
	good := read(t, "filter.wasm")
	write(t, "filter.wasm", []byte("text"))
	r.until(t, func() bool {
		return strings.Contains(r.errs.String(), "wasmc: load filter.wasm again: not a ") && strings.HasSuffix(r.errs.String(), "; it still does not run\n")
	})
	write(t, "filter.wasm", []byte(good))
	write(t, "config", []byte("there"))
	r.until(t, func() bool { _, hello, _ := r.get(t); return hello == "there" })
}

// TestRunWithoutRootID: of a module that registers its filters under names, the hint says how to name one.
func TestRunWithoutRootID(t *testing.T) {
	wasm := read(t, "../../examples/add-header-assemblyscript/add-header.wasm")
	at(t)
	write(t, "filter.wasm", []byte(wasm))
	r := startRun(t, "filter.wasm")
	r.until(t, func() bool {
		return strings.Contains(r.errs.String(), "hint: name what the module registers with --root-id\n")
	})
	r = startRun(t, "filter.wasm", "--root-id", "add_header")
	if _, hello, _ := r.get(t); hello != "world!" {
		t.Errorf("hello: %q", hello)
	}
	if hint := r.errs.String(); hint != "" {
		t.Errorf("with one: %s", hint)
	}
}

// TestRunHostGoesOn: a request that is on its way when a version replaces the last one delays nothing, and ends with the version
// that it began with.
func TestRunHostGoesOn(t *testing.T) {
	rustFilter(t)
	arrived, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			close(arrived)
			<-held
		}
	}))
	defer upstream.Close()
	defer release()
	r := startRun(t, "filter.wasm", "--config", "config", "--upstream", upstream.URL)
	answers := make(chan *http.Response, 1)
	go func() {
		answer, err := http.Get(r.url + "/held")
		if err != nil {
			t.Error(err)
			answer = &http.Response{Body: http.NoBody}
		}
		answers <- answer
	}()
	<-arrived
	write(t, "config", []byte("everyone"))
	r.until(t, func() bool { return strings.Contains(r.out.String(), "Loaded filter.wasm again in ") })
	if _, hello, _ := r.get(t); hello != "everyone" {
		t.Errorf("hello: %q", hello)
	}
	release()
	answer := <-answers
	defer answer.Body.Close()
	if hello := answer.Header.Get("hello"); answer.StatusCode != http.StatusOK || hello != "there" {
		t.Errorf("%d %q of the request that was on its way", answer.StatusCode, hello)
	}
}

// TestRunForwarded: what a proxy before wasmc, or the filter, says of the client arrives, and the query as it is.
func TestRunForwarded(t *testing.T) {
	rustFilter(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.RawQuery+" "+r.Header.Get("Forwarded")+" "+r.Header.Get("X-Forwarded-For")+" "+
			r.Header.Get("X-Forwarded-Host")+" "+r.Header.Get("X-Forwarded-Proto"))
	}))
	defer upstream.Close()
	r := startRun(t, "filter.wasm", "--upstream", upstream.URL)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/?a;b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Forwarded": "for=a", "X-Forwarded-For": "b", "X-Forwarded-Host": "c", "X-Forwarded-Proto": "d"} {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "a;b for=a b c d" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestRunImage: an image is pulled once, whatever becomes of its tag, and goes on with another configuration.
func TestRunImage(t *testing.T) {
	rustFilter(t)
	image := newRegistry(t) + "/team/filter:v1"
	succeed(t, "push", image, "-f", "filter.wasm")
	r := startRun(t, image, "--config", "config")
	write(t, "good.wasm", wasm)
	succeed(t, "push", image, "-f", "good.wasm")
	write(t, "config", []byte("everyone"))
	r.until(t, func() bool { _, hello, _ := r.get(t); return hello == "everyone" })
}

// TestRunInUse: a port that another has is an error before anything is started.
func TestRunInUse(t *testing.T) {
	rustFilter(t)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(other.URL, "http://"), ":")
	want := "wasmc: run filter.wasm: port " + port + " of 127.0.0.1 is in use\nhint: name another --port, or none to listen on any that is free\n"
	expect(t, result{Code: exitFailed, Err: want}, wasmc(t, "", "run", "filter.wasm", "--port", port))
	expect(t, result{Code: exitFailed, Err: want}, wasmc(t, "", "run", "filter.wasm", "--port", port, "--host"))
}

// TestRunWithoutEnvoy: what to do is said where there is none, and why one ended that did not start.
func TestRunWithoutEnvoy(t *testing.T) {
	rustFilter(t)
	fakeProgram(t, "envoy", "echo 'critical main no \\\"address\\\"' >&2; exit 3")
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent"): "there is no Envoy to run: use \\$ENVOY as the proxy: .*\nhint: run the filter in wasmc itself with --host, where bodies pass whole and call-outs fail; docs/wasmc.md has all that differs\n$",
		"":                                   `^wasmc: run filter.wasm: Envoy ended: exit status 3; it logged no "address"\n$`,
	} {
		t.Setenv("ENVOY", path)
		if got := wasmc(t, "", "run", "filter.wasm"); got.Code != exitFailed || !regexp.MustCompile(want).MatchString(got.Err) {
			t.Errorf("$ENVOY %q: %+v", path, got)
		}
	}
}

// TestRunRefuses: what no Envoy loads is not run.
func TestRunRefuses(t *testing.T) {
	rustFilter(t)
	if err := os.Remove("filter.wasm"); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"./config":      "not a WebAssembly module",
		"./filter.wasm": "no such file",
	} {
		if got := wasmc(t, "", "run", target, "--host"); got.Code != exitFailed || !strings.Contains(got.Err, want) {
			t.Errorf("%s: %+v", target, got)
		}
	}
}

// endedRunner is a runner that has ended by itself.
type endedRunner struct{ done chan struct{} }

func (endedRunner) Address() string { return "" }

func (endedRunner) Load(context.Context, []byte, []byte) (failure string, err error) { return "", nil }

func (r endedRunner) Done() <-chan struct{} { return r.done }

func (endedRunner) Err() error { return errors.New("it ended") }

func (endedRunner) Close() {}

// TestRunFollowEnds: that the runner has ended is an error, unless wasmc was to end as well: a signal may go to both.
func TestRunFollowEnds(t *testing.T) {
	r := endedRunner{make(chan struct{})}
	close(r.done)
	l, p := &loader{options: &runOptions{}}, &printer{}
	if err := l.follow(t.Context(), p, r, stamps{}); err == nil || err.Error() != "it ended" {
		t.Errorf("%v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.follow(canceled, p, r, stamps{}); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}
