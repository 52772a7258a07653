package proxies_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/proxies"
)

const listeners = "type.googleapis.com/envoy.config.listener.v3.Listener"

// connection is what istiod says of one connection of a proxy, cut to a few of the types and fields that there are.
func connection(proxy, sent, lastError string) string {
	if lastError != "" {
		lastError = `,"lastError":"` + lastError + `"`
	}
	return `{"cluster_id":"Kubernetes","proxy":"` + proxy + `","proxy_type":"sidecar","istio_version":"1.31.1","listener_sent":"a","resources":{` +
		`"type.googleapis.com/envoy.config.cluster.v3.Cluster":{"sent":"b","acked":"b","sentTime":"` + sent + `","lastError":"of clusters"},` +
		`"` + listeners + `":{"sent":"a","acked":"","sentTime":"` + sent + `"` + lastError + `}}}`
}

func istiod(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

func istiods(urls ...string) *proxies.Istiod {
	return proxies.NewIstiod(proxies.IstiodOptions{
		Instances: func(context.Context) ([]string, error) { return urls, nil },
		Timeout:   500 * time.Millisecond,
	})
}

func TestRejections(t *testing.T) {
	const early, late = "2026-01-02T12:00:00.5Z", "2026-01-02T12:00:01+00:00"
	cases := map[string]struct {
		answers []string
		want    map[string]string
	}{
		"no proxies": {answers: []string{"[]", "null"}, want: map[string]string{}},
		"one that refused, one that did not": {
			answers: []string{"[" + connection("a.b-1.ns", early, `bad: \"x\"\n`) + ",\n" + connection("gateway.istio-system", early, "") + "]\n"},
			want:    map[string]string{"ns/a.b-1": `bad: "x"`, "istio-system/gateway": ""},
		},
		"several replicas": {
			answers: []string{"[" + connection("a.ns", early, "bad") + "]", "[" + connection("b.ns", early, "worse") + "]"},
			want:    map[string]string{"ns/a": "bad", "ns/b": "worse"},
		},
		"two connections, one replica": {
			answers: []string{"[" + connection("a.ns", late, "new") + "," + connection("a.ns", early, "old") + "]"},
			want:    map[string]string{"ns/a": "new"},
		},
		"two connections, two replicas": {
			answers: []string{"[" + connection("a.ns", early, "old") + "]", "[" + connection("a.ns", late, "") + "]"},
			want:    map[string]string{"ns/a": ""},
		},
		"long words": {
			answers: []string{"[" + connection("a.ns", early, strings.Repeat("a", 400)) + "]"},
			want:    map[string]string{"ns/a": strings.Repeat("a", 297) + "…"},
		},
		"of listeners alone": {
			answers: []string{`[{"proxy":"a.ns","resources":{"x":{"lastError":"bad"}}},{"proxy":"b.ns"},{},{"proxy":"ztunnel","resources":{"` + listeners + `":{}}}]`},
			want:    map[string]string{},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var urls []string
			for _, answer := range c.answers {
				urls = append(urls, istiod(t, text(answer)))
			}
			got, err := istiods(urls...).Rejections(t.Context())
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("error %v, rejections (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestVersions: they are what proxies say, bounded and cleaned, in the answer that says what they rejected.
func TestVersions(t *testing.T) {
	of := func(proxy, version string) string {
		return strings.Replace(connection(proxy, "2026-01-02T12:00:00Z", ""), `"1.31.1"`, `"`+version+`"`, 1)
	}
	var calls atomic.Int32
	url := istiod(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		text("["+strings.Join([]string{of("a.ns", "1.28.3"), of("b.ns", ""), of("c.ns", strings.Repeat("x", 100)), of("d.ns", `1\n.\u001b2`)}, ",")+"]")(w, r)
	})
	c := istiods(url)
	want := map[string]string{"ns/a": "1.28.3", "ns/b": "", "ns/c": strings.Repeat("x", 61) + "…", "ns/d": "1 .2"}
	got, err := c.Versions(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, versions (-want +got):\n%s", err, diff)
	}
	if _, err := c.Rejections(t.Context()); err != nil || calls.Load() != 1 {
		t.Errorf("called %d times, %v", calls.Load(), err)
	}
}

// The token is read each time, and is sent to no other host.
func TestRejectionsToken(t *testing.T) {
	var tokens []string
	other := istiod(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("elsewhere: %v", r.Header) })
	url := istiod(t, func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.URL.Path+" "+r.Header.Get("Authorization"))
		http.Redirect(w, r, other, http.StatusFound)
	})
	file, now := filepath.Join(t.TempDir(), "token"), time.Unix(0, 0)
	c := proxies.NewIstiod(proxies.IstiodOptions{
		Instances: func(context.Context) ([]string, error) { return []string{url + "/"}, nil }, TokenFile: file,
		Now: func() time.Time { now = now.Add(time.Hour); return now }, // nothing is kept
	})
	if _, err := c.Rejections(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	for _, token := range []string{"one\n", "two"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Rejections(t.Context()); err == nil || !strings.Contains(err.Error(), "302") {
			t.Errorf("redirected: %v", err)
		}
	}
	if diff := cmp.Diff([]string{"/debug/syncz Bearer one", "/debug/syncz Bearer two"}, tokens); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// An instance that answers badly hides nothing of what the others say.
func TestRejectionsDespiteABadInstance(t *testing.T) {
	good := istiod(t, text("["+connection("a.ns", "2026-01-02T12:00:00Z", "bad")+"]"))
	cases := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"not allowed": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403"},
		"a page":      {text("<html>"), "invalid character"},
		"no list":     {text(`{"a":1}`), "not with a list"},
		"half a list": {text(`[{"proxy":"c"},`), "EOF"},
		"nothing":     {text(""), "EOF"},
		"other types": {text(`[{"proxy":1}]`), "unmarshal"},
		"silence":     {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := istiods(istiod(t, c.answer), good).Rejections(t.Context())
			if diff := cmp.Diff(map[string]string{"ns/a": "bad"}, got); diff != "" {
				t.Errorf("rejections (-want +got):\n%s", diff)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestRejectionsWithoutIstiod(t *testing.T) {
	if got, err := istiods().Rejections(t.Context()); err == nil || len(got) != 0 {
		t.Errorf("no replicas: %v, %v", got, err)
	}
	lost := proxies.NewIstiod(proxies.IstiodOptions{Instances: func(context.Context) ([]string, error) { return nil, errors.New("not synced") }})
	if got, err := lost.Rejections(t.Context()); err == nil || !strings.Contains(err.Error(), "not synced") || len(got) != 0 {
		t.Errorf("not found: %v, %v", got, err)
	}
}

// All who ask within some seconds share an answer.
func TestRejectionsAgain(t *testing.T) {
	var asked atomic.Int32
	url := istiod(t, func(w http.ResponseWriter, r *http.Request) {
		text(fmt.Sprintf("[%s]", connection("a.ns", "2026-01-02T12:00:00Z", fmt.Sprint(asked.Add(1)))))(w, r)
	})
	now := time.Unix(0, 0)
	c := proxies.NewIstiod(proxies.IstiodOptions{
		Instances: func(context.Context) ([]string, error) { return []string{url}, nil },
		Now:       func() time.Time { return now },
	})
	for i, step := range []struct {
		later time.Duration
		want  string
	}{{0, "1"}, {5*time.Second - 1, "1"}, {1, "2"}, {time.Second, "2"}} {
		now = now.Add(step.later)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if got, err := c.Rejections(t.Context()); err != nil || got["ns/a"] != step.want {
					t.Errorf("step %d: %v, %v", i, got, err)
				}
			})
		}
		all.Wait()
	}
}
