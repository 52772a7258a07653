package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/autowasm/autowasm/preflight"
)

// cachedManager is a manager of which only the cache is used.
type cachedManager struct {
	ctrl.Manager
	objects client.Reader
}

func (m cachedManager) GetCache() cache.Cache { return readCache{objects: m.objects} }

type readCache struct {
	cache.Cache
	objects client.Reader
}

func (c readCache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.objects.List(ctx, list, opts...)
}

func podKind() preflight.Kinds {
	return preflight.Kinds{preflight.Pods: preflight.Pods.WithVersion("v1")}
}

func TestProxiesAreObservedWhereTheyCanBeSeen(t *testing.T) {
	tests := map[string]struct {
		interval time.Duration
		kinds    preflight.Kinds
		want     bool
	}{
		"as by default":            {30 * time.Second, podKind(), true},
		"never":                    {0, podKind(), false},
		"Pods may not be watched":  {30 * time.Second, preflight.Kinds{preflight.Services: preflight.Services.WithVersion("v1")}, false},
		"nothing may be, nor ever": {0, nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := &options{proxyCheckInterval: tt.interval}
			got := proxyOptions(o, &modules{}, tt.kinds, newIstiod(cachedManager{}, o))
			if (got != nil) != tt.want {
				t.Fatalf("options %+v", got)
			}
			if got != nil && (got.Interval != tt.interval || got.Scraper == nil || got.Accesses == nil || got.SyncStatus == nil) {
				t.Errorf("options %+v", got)
			}
		})
	}
}

// istiod authenticates wasmer by its token. One that trusts its own node would serve it
// without.
func TestIstiodIsCalledWithTheToken(t *testing.T) {
	var asked []string
	istiod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		_, _ = w.Write([]byte("[]"))
	}))
	t.Cleanup(istiod.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{token, ""} {
		o := &options{proxyCheckInterval: time.Minute, istiodURL: istiod.URL, istiodTokenFile: file}
		if _, err := newIstiod(cachedManager{}, o).Rejections(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"GET /debug/syncz Bearer secret", "GET /debug/syncz "}, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestIstiodsReplicasAreThoseOfItsService(t *testing.T) {
	endpoints := func(namespace, service, address string) client.Object {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: service + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{address}}},
		}
	}
	mgr := cachedManager{objects: fake.NewClientBuilder().WithObjects(
		endpoints("mesh", "istiod-canary", "10.0.0.1"), endpoints("mesh", "istiod", "10.0.0.2"), endpoints("other", "istiod-canary", "10.0.0.3"),
	).Build()}
	for url, want := range map[string][]string{"": {"http://10.0.0.1:15014"}, "http://127.0.0.1:1": {"http://127.0.0.1:1"}} {
		got, err := istiods(mgr, &options{namespace: "mesh", istiodService: "istiod-canary", istiodURL: url})(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v, replicas (-want +got):\n%s", err, diff)
		}
	}
}
