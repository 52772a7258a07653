// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/internal/buffertest"
)

// apiServer serves lists of objects, and watches that end with the next change.
type apiServer struct {
	mu      sync.Mutex
	objects map[string][]map[string]any // by plural
	refuse  map[string]metav1.Status    // by plural
	changed chan struct{}
	version int
}

// newAPIServer starts an API server, and makes it that of the current context, whose namespace is "team".
func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	at(t)
	s := &apiServer{objects: map[string][]map[string]any{}, refuse: map[string]metav1.Status{}, changed: make(chan struct{})}
	server := httptest.NewTLSServer(s) // client-go sends no token without TLS
	t.Cleanup(server.Close)
	t.Setenv("KUBECONFIG", "")
	writeKubeconfig(t, "kubeconfig", server.URL)
	t.Setenv("KUBECONFIG", "kubeconfig")
	return s
}

func writeKubeconfig(t *testing.T, name, url string) {
	t.Helper()
	write(t, name, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: %v}}]
users: [{name: u, user: {token: secret}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: team}}]
current-context: x
`, url, strings.HasPrefix(url, "https:")))
}

// set replaces the objects of a resource.
func (s *apiServer) set(plural string, objects ...map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[plural] = objects
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, plural := r.URL.Query(), path.Base(r.URL.Path)
	s.mu.Lock()
	changed, version := s.changed, fmt.Sprint(s.version)
	status, refused := s.refuse[plural]
	items := []map[string]any{}
	for _, o := range s.objects[plural] {
		if matches(o, r) {
			items = append(items, o)
		}
	}
	s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer secret" {
		refused, status = true, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Code: 401, Reason: metav1.StatusReasonUnauthorized, Message: "Unauthorized"}
	}
	switch {
	case refused:
		w.WriteHeader(int(status.Code))
		json.NewEncoder(w).Encode(status)
	case query.Get("watch") != "":
		w.(http.Flusher).Flush()
		if query.Get("resourceVersion") != version {
			fmt.Fprintln(w, `{"type":"MODIFIED","object":{}}`)
			return
		}
		select {
		case <-changed:
			fmt.Fprintln(w, `{"type":"MODIFIED","object":{}}`)
		case <-r.Context().Done():
		}
	default:
		page := map[string]any{"resourceVersion": version}
		if len(items) > 1 && query.Get("continue") == "" {
			page["continue"], items = "more", items[:1]
		} else if query.Get("continue") != "" {
			items = items[1:]
		}
		json.NewEncoder(w).Encode(map[string]any{"metadata": page, "items": items})
	}
}

// matches reports whether a request selects an object.
func matches(o map[string]any, r *http.Request) bool {
	m := o["metadata"].(map[string]any)
	namespace, _ := m["namespace"].(string)
	has := labels.Set{}
	for key, value := range m["labels"].(map[string]any) {
		has[key] = value.(string)
	}
	selector, _ := labels.Parse(r.URL.Query().Get("labelSelector"))
	name := r.URL.Query().Get("fieldSelector")
	inPath := !strings.Contains(r.URL.Path, "/namespaces/") || strings.Contains(r.URL.Path, "/namespaces/"+namespace+"/")
	return inPath && selector.Matches(has) && (name == "" || name == "metadata.name="+m["name"].(string))
}

func object(namespace, name, label string, fields map[string]any) map[string]any {
	metadata := map[string]any{"namespace": namespace, "name": name, "generation": 1, "labels": map[string]any{"app": label}}
	merged := map[string]any{"metadata": metadata}
	for key, value := range fields {
		merged[key] = value
	}
	return merged
}

// autoWasmObject is one that is Ready, or waits.
func autoWasmObject(namespace, name string, ready bool) map[string]any {
	condition := map[string]any{
		"type": "Ready", "status": "True", "reason": "Synced", "message": "fine", "observedGeneration": 1,
		"lastTransitionTime": time.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339),
	}
	running := 1
	if !ready {
		running, condition["status"], condition["reason"], condition["message"] = 0, "Unknown", "ProxiesLoading", "0 of 1 selected proxies run the module"
	}
	return object(namespace, name, "", map[string]any{
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"filter":   map[string]any{"source": map[string]any{"registry": map[string]any{"image": "reg.example/filter:v1"}}},
		},
		"status": map[string]any{
			"observedGeneration": 1, "conditions": []any{condition}, "proxies": map[string]any{"selected": 1, "running": running, "requested": 1},
		},
	})
}

func podObject(namespace, name, app string) map[string]any {
	return object(namespace, name, app, map[string]any{
		"spec": map[string]any{"containers": []any{map[string]any{"name": "app"}, map[string]any{"name": "istio-proxy"}}},
		"status": map[string]any{"containerStatuses": []any{map[string]any{
			"name": "istio-proxy", "state": map[string]any{"running": map[string]any{"startedAt": time.Now().Add(-5 * time.Hour).UTC().Format(time.RFC3339)}},
		}}},
	})
}

func filled(t *testing.T) *apiServer {
	t.Helper()
	s := newAPIServer(t)
	s.set("autowasms", autoWasmObject("team", "one", true), autoWasmObject("team", "two", false), autoWasmObject("other", "one", true))
	s.set("pods", podObject("team", "p1", "one"), podObject("team", "p2", "two"), podObject("other", "p1", "one"))
	return s
}

const (
	treeOne = `AutoWasm team/one: Ready since 3h
├── selects app=one, Inbound, all ports
├── module: not resolved yet
│   └── from image reg.example/filter:v1
├── EnvoyFilter: there is none yet
└── proxies: 1 of 1 selected run the module
    └── team/p1: Running
`
	treeTwo = `AutoWasm team/two: not known to be Ready since 3h (ProxiesLoading): 0 of 1 selected proxies run the module
├── selects app=two, Inbound, all ports
├── module: not resolved yet
│   └── from image reg.example/filter:v1
├── EnvoyFilter: there is none yet
├── proxies: 0 of 1 selected run the module
│   └── team/p2: NotListed: more proxies do not run the filter than the status names
└── what to do
    └── ProxiesLoading: Wait: wasmer retries by itself.
`
)

func TestStatus(t *testing.T) {
	filled(t)
	other := strings.NewReplacer("team", "other").Replace(treeOne)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, treeOne + "\n" + treeTwo},
		{[]string{"one"}, treeOne},
		{[]string{"one", "-n", "other"}, other},
		{[]string{"-A"}, treeOne + "\n" + treeTwo + "\n" + other},
		{[]string{"--context", "x", "--kubeconfig", "kubeconfig", "two"}, treeTwo},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			expect(t, result{Out: tt.want}, wasmc(t, "", append([]string{"status"}, tt.args...)...))
		})
	}
	got := wasmc(t, "", "status", "-n", "none")
	expect(t, result{Err: "No AutoWasm found in namespace none.\n"}, got)
}

func TestStatusForScripts(t *testing.T) {
	filled(t)
	for _, output := range []string{"json", "yaml"} {
		var report struct {
			AutoWasms []struct {
				Namespace, Name string
				Ready           struct{ Status, Reason string }
				Proxies         struct{ All []struct{ Pod, State string } }
			}
		}
		if err := yaml.Unmarshal([]byte(succeed(t, "status", "-o", output)), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.AutoWasms) != 2 || report.AutoWasms[1].Ready.Reason != "ProxiesLoading" || report.AutoWasms[0].Proxies.All[0].State != "Running" {
			t.Errorf("-o %s: %+v", output, report)
		}
	}
	if got := succeed(t, "status", "-n", "none", "-o", "json"); got != "{\n  \"autoWasms\": []\n}\n" {
		t.Errorf("nothing is printed as %q", got)
	}
}

func TestStatusOfWhatMayNotBeRead(t *testing.T) {
	s := filled(t)
	forbidden := metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Code: 403, Reason: metav1.StatusReasonForbidden, Message: "user may not list it"}
	s.refuse["pods"], s.refuse["envoyfilters"] = forbidden, forbidden
	got := succeed(t, "status", "one")
	for _, want := range []string{"├── EnvoyFilter team/one: cannot be read: list the envoyfilters: user may not list it\n", "    └── Pods cannot be read: list the pods: user may not list it\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	s.refuse["autowasms"] = forbidden
	expect(t, result{Code: exitFailed, Err: "wasmc: status: list the autowasms: user may not list it\n"}, wasmc(t, "", "status"))
}

func TestStatusFails(t *testing.T) {
	s := filled(t)
	expect(t, result{Code: exitFailed, Err: "wasmc: status: there is no AutoWasm x in namespace team\nhint: name its namespace with -n; kubectl get aw -A lists all\n"},
		wasmc(t, "", "status", "x"))
	s.refuse["autowasms"] = metav1.Status{Code: 404} // as an API server answers for a group that it does not serve
	expect(t, result{Code: exitFailed, Err: "wasmc: status: the cluster does not serve AutoWasms (wasm.tcm.io/v1alpha1)\nhint: install wasmer in it, or name another cluster with --context\n"},
		wasmc(t, "", "status"))
	writeKubeconfig(t, "gone", "http://127.0.0.1:1")
	expect(t, result{Code: exitFailed, Err: "wasmc: status: list the autowasms: the cluster at http://127.0.0.1:1 cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused\n" +
		"hint: see whether kubectl cluster-info reaches it; another cluster is named with --context or --kubeconfig\n"},
		wasmc(t, "", "status", "--kubeconfig", "gone"))
	for _, args := range [][]string{{"status", "--kubeconfig", "absent"}, {"status", "--context", "absent"}} {
		got := wasmc(t, "", args...)
		if got.Code != exitFailed || !strings.HasPrefix(got.Err, "wasmc: status: read the kubeconfig: ") || !strings.Contains(got.Err, "hint: name one with --kubeconfig or $KUBECONFIG") {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// TestStatusPastTheToken: what the server says is printed with a hint, not the token.
func TestStatusPastTheToken(t *testing.T) {
	s := filled(t)
	s.refuse["autowasms"] = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status"}, Code: 401, Reason: metav1.StatusReasonUnauthorized, Message: "Unauthorized"}
	expect(t, result{Code: exitFailed, Err: "wasmc: status: list the autowasms: Unauthorized\nhint: log in to the cluster again, or name another user's context with --context\n"},
		wasmc(t, "", "status"))
}

// TestStatusWatches: what changes is printed again, and nothing else.
func TestStatusWatches(t *testing.T) {
	s := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, lines := newBuffer()
	done := make(chan int)
	go func() {
		done <- run(ctx, streams{In: strings.NewReader(""), Out: out, Err: out}, plainName, []string{"status", "two", "--watch"})
	}()
	await := func(want string) {
		t.Helper()
		for got := ""; got != want; {
			select {
			case <-lines:
				got = out.String()
			case <-time.After(20 * time.Second):
				t.Fatalf("printed\n%s\nwant\n%s", out.String(), want)
			}
		}
	}
	await(treeTwo)
	s.set("autowasms", autoWasmObject("team", "two", false), autoWasmObject("team", "three", true)) // another one
	s.set("autowasms", autoWasmObject("team", "two", true))
	ready := strings.NewReplacer("team/one", "team/two", "app=one", "app=two", "p1", "p2").Replace(treeOne)
	await(treeTwo + "\n" + ready)
	cancel()
	if code := <-done; code != exitFailed {
		t.Errorf("it ended with %d", code)
	}
	if diff := cmp.Diff(treeTwo+"\n"+ready+"wasmc: interrupted\n", out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// buffer is read while it is written, of which wrote has news.
type buffer struct {
	buffertest.Buffer
	wrote chan struct{}
}

func newBuffer() (*buffer, <-chan struct{}) {
	b := &buffer{wrote: make(chan struct{}, 1)}
	return b, b.wrote
}

func (b *buffer) Write(p []byte) (int, error) {
	defer func() {
		select {
		case b.wrote <- struct{}{}:
		default:
		}
	}()
	return b.Buffer.Write(p)
}
