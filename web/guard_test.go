// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/web/webtest"
)

// TestWhoIsAnswered: requests of the page under the names that only lead here.
func TestWhoIsAnswered(t *testing.T) {
	tests := []struct {
		method, host, path, site string
		want                     int
	}{
		{"GET", "localhost:8083", "/", "", 200},
		{"HEAD", "localhost:8083", "/", "", 200},
		{"GET", "LOCALHOST", "/", "", 200},
		{"GET", "wasmer.localhost:8083", "/", "", 200},
		{"GET", "localhost.", "/", "", 200},
		{"GET", "127.0.0.1:8083", "/api/snapshot", "same-origin", 200},
		{"GET", "10.1.2.3:8083", "/", "none", 200},
		{"GET", "[::1]:8083", "/", "", 200},
		{"GET", "[::1]", "/", "", 200},
		{"GET", "page.example:8083", "/", "", 200},
		{"GET", "evil.example:8083", "/", "", 421},
		{"GET", "evil.example:8083", "/api/snapshot", "same-origin", 421},
		{"GET", "127.0.0.1.evil.example", "/api/snapshot", "", 421},
		{"GET", "localhost.evil.example", "/", "", 421},
		{"GET", "", "/", "", 421},
		{"GET", "localhost:8083", "/", "cross-site", 200}, // a link to the page
		{"GET", "localhost:8083", "/api/snapshot", "cross-site", 403},
		{"GET", "localhost:8083", "/api/events", "same-site", 403},
		{"POST", "localhost:8083", "/api/snapshot", "", 405},
		{"OPTIONS", "localhost:8083", "/", "", 405},
		{"DELETE", "localhost:8083", "/api/autowasms/pay/audit", "", 405},
		{"GET", "localhost:8083", "/server.go", "", 404},
		{"GET", "localhost:8083", "/static/app.js", "", 404},
		{"GET", "localhost:8083", "/api/autowasms/pay/nobody", "", 404},
		{"GET", "localhost:8083", "/api/proxies/pay/nobody", "", 404},
		{"GET", "localhost:8083", "/api/autowasms/pay/audit", "", 200},
	}
	s := newServerAt(twoTeams(), "page.example:8083")
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.host+tt.path+" "+tt.site, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "http://x"+tt.path, nil)
			r.Host = tt.host
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%d, want %d: %s", w.Code, tt.want, w.Body)
			}
			for name := range headers {
				if w.Header().Get(name) == "" {
					t.Errorf("the answer has no %s", name)
				}
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("other sites may read it: %s", got)
			}
		})
	}
}

// TestThePageIsWhole: what its files name is among them, and nothing comes from elsewhere.
func TestThePageIsWhole(t *testing.T) {
	named := regexp.MustCompile(`(?:src|href|from)[= ]['"](?:\./)?([a-z]+\.[a-z]+)['"]`)
	used := map[string]bool{"/": true, "/index.html": true}
	for path, file := range assets {
		text := string(file.content)
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			used["/"+match[1]] = true
		}
		if i := strings.Index(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), "://"); i >= 0 {
			t.Errorf("%s names another server", path)
		}
		if file.contentType == "" {
			t.Errorf("%s has no type", path)
		}
	}
	have := map[string]bool{}
	for path := range assets {
		have[path] = true
	}
	if diff := cmp.Diff(used, have); diff != "" {
		t.Errorf("files (-named +there):\n%s", diff)
	}
}

// TestTheScriptsMakeNoMarkup: text of a tenant could become markup only by one of these.
func TestTheScriptsMakeNoMarkup(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc|DOMParser|createContextualFragment|setHTML`)
	for path, file := range assets {
		if found := forbidden.Find(file.content); strings.HasSuffix(path, ".js") && found != nil {
			t.Errorf("%s has %s", path, found)
		}
	}
	page := string(assets["/"].content)
	if regexp.MustCompile(`(?i)<script[^>]*>[^<]|\son[a-z]+=|<style|\sstyle=`).MatchString(page) {
		t.Error("the document has a script or a style in it")
	}
}

// TestAFileIsSentOnce: a browser that has a file is not sent it again.
func TestAFileIsSentOnce(t *testing.T) {
	url, _ := serve(t, webtest.NewCluster())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/app.js", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("If-None-Match", assets["/app.js"].etag)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNotModified {
		t.Error(response.Status)
	}
}
