// SPDX-License-Identifier: Apache-2.0

package proxies_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/proxies"
)

// proxy answers as an Envoy and counts the questions.
type proxy struct {
	ip      string
	port    int
	scrapes atomic.Int32
}

func newProxy(t *testing.T, address string, answer http.HandlerFunc) *proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.scrapes.Add(1)
		answer(w, r)
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.ip = host
	if p.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *proxy) scraper(edit ...func(*proxies.ScraperOptions)) *proxies.StatsScraper {
	o := proxies.ScraperOptions{Port: p.port, Timeout: time.Minute, Guard: egress.Options{AllowLoopback: true}}
	for _, e := range edit {
		e(&o)
	}
	return proxies.NewScraper(o)
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

const concurrency = "envoy_server_concurrency{} 2\n"

func TestScrape(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			var got *http.Request
			p := newProxy(t, address, func(w http.ResponseWriter, r *http.Request) {
				got = r
				text(concurrency)(w, r)
			})
			report, err := p.scraper(func(o *proxies.ScraperOptions) { o.Guard.AllowHosts = []string{"registry.example"} }).Scrape(t.Context(), p.ip, 0)
			if diff := cmp.Diff(proxies.Report{At: report.At, Workers: 2}, report); diff != "" || time.Since(report.At) > time.Minute || err != nil {
				t.Fatalf("error %v, report (-want +got):\n%s", err, diff)
			}
			if got.Method != http.MethodGet || got.URL.Path != "/stats/prometheus" || !got.Close {
				t.Errorf("%s %s, and closes: %v", got.Method, got.URL, got.Close)
			}
		})
	}
}

// What is asked for holds all that is understood, and little else.
func TestScrapeFilters(t *testing.T) {
	var query url.Values
	p := newProxy(t, "127.0.0.1:0", func(_ http.ResponseWriter, r *http.Request) { query = r.URL.Query() })
	if _, err := p.scraper().Scrape(t.Context(), p.ip, 0); err != nil {
		t.Fatal(err)
	}
	filter := regexp.MustCompile(query.Get("filter"))
	for name, want := range map[string]bool{
		"wasm.autowasm.default.c.1a2b3c4d.5e6f7a8b.vm_reload": true,
		"wasm.vm_reload":                             true,
		"wasm.x.vm_reload_success":                   true,
		"wasm.envoy.wasm.runtime.v8.active":          true,
		"wasm.envoy.wasm.runtime.v8.created":         true,
		"wasm.wasm_vm_count":                         true,
		"wasm.remote_load_fetch_failures":            true,
		"wasm.remote_load_fetch_successes":           true,
		"listener_manager.lds.update_rejected":       true,
		"listener_manager.total_listeners_warming":   true,
		"server.concurrency":                         true,
		"wasmcustom.x.active":                        false,
		"cluster.wasm.x.active":                      false,
		"listener_manager.lds.update_rejected_twice": false,
		"server.live":                                false,
	} {
		if filter.MatchString(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestScrapeRefuses(t *testing.T) {
	p := newProxy(t, "127.0.0.1:0", text(concurrency))
	guarded := func(o *proxies.ScraperOptions) { o.Guard.AllowLoopback = false }
	cases := map[string]struct {
		scraper  *proxies.StatsScraper
		ip, want string
	}{
		"no address":          {p.scraper(), "example.com", "not the IP address"},
		"nothing":             {p.scraper(), "", "not the IP address"},
		"a URL":               {p.scraper(), "127.0.0.1/x@y", "not the IP address"},
		"a zone":              {p.scraper(), "fe80::1%lo", "not the IP address"},
		"loopback":            {p.scraper(guarded), "127.0.0.1", "loopback"},
		"loopback, mapped":    {p.scraper(guarded), "::ffff:127.0.0.1", "loopback"},
		"a metadata service":  {p.scraper(), "169.254.169.254", "link-local"},
		"a port without ears": {p.scraper(func(o *proxies.ScraperOptions) { o.Port = silentPort(t) }), "127.0.0.1", "refused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			report, err := c.scraper.Scrape(t.Context(), c.ip, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || !cmp.Equal(proxies.Report{}, report) {
				t.Errorf("%+v, %v; want %q", report, err, c.want)
			}
		})
	}
	if n := p.scrapes.Load(); n != 0 {
		t.Errorf("it was scraped %d times", n)
	}
}

// silentPort returns a port of the loopback that is taken until the end of the test, and that nothing listens on.
func silentPort(t *testing.T) int {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return address.(*syscall.SockaddrInet4).Port
}

// A pod may answer what it likes.
func TestScrapeHostileProxies(t *testing.T) {
	elsewhere := newProxy(t, "127.0.0.1:0", text(concurrency))
	target := "http://127.0.0.1:" + strconv.Itoa(elsewhere.port) + "/"
	cases := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"an error":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "500"},
		"a page":          {func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, "404"},
		"a redirect":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) }, "302"},
		"silence":         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
		"endless":         {endless(concurrency), "more than"},
		"an endless line": {endless("aaaaaaaaaaaaaaaa"), "too long"},
		"a slow body": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				text(concurrency)(w, r)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, "deadline"},
		"half of it": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			text(concurrency)(w, r)
		}, "EOF"},
		"a long header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 1<<20)) }, "exceeded"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, "127.0.0.1:0", c.answer)
			short := func(o *proxies.ScraperOptions) {
				if c.want == "deadline" {
					o.Timeout = 500 * time.Millisecond
				}
			}
			report, err := p.scraper(short).Scrape(t.Context(), p.ip, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || !cmp.Equal(proxies.Report{}, report) {
				t.Errorf("%+v, %v; want %q", report, err, c.want)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.scrapes.Load(); n != 0 {
			t.Errorf("redirects are followed: %d", n)
		}
	})
}

func endless(part string) http.HandlerFunc {
	chunk := []byte(strings.Repeat(part, 1000))
	return func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

func TestScrapeAgain(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"an answer": text(concurrency), "a failure": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(0, 0)
			p := newProxy(t, "127.0.0.1:0", answer)
			scraper := p.scraper(func(o *proxies.ScraperOptions) { o.Now = func() time.Time { return now } })
			for i, step := range []struct {
				later, maxAge time.Duration
				want          int32
			}{
				{0, time.Minute, 1},
				{time.Minute - 1, time.Minute, 1},
				{1, time.Minute, 2},
				{0, 0, 3},
				{time.Second, time.Second, 4},
				{time.Second, time.Minute, 4},
			} {
				now = now.Add(step.later)
				_, _ = scraper.Scrape(t.Context(), p.ip, step.maxAge) // what it says is tested elsewhere
				if n := p.scrapes.Load(); n != step.want {
					t.Errorf("after step %d it was scraped %d times, want %d", i, n, step.want)
				}
			}
		})
	}
}
