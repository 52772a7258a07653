// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
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

func podKind() *preflight.Kinds {
	return preflight.NewKinds(preflight.Pods.WithVersion("v1"))
}

func TestProxiesAreObservedWhereTheyCanBeSeen(t *testing.T) {
	tests := map[string]struct {
		interval time.Duration
		kinds    *preflight.Kinds
		want     bool
	}{
		"as by default":            {30 * time.Second, podKind(), true},
		"never":                    {0, podKind(), false},
		"Pods may not be watched":  {30 * time.Second, preflight.NewKinds(preflight.Services.WithVersion("v1")), false},
		"nothing may be, nor ever": {0, preflight.NewKinds(), false},
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

// istiod is called over TLS, by the name of its Service, with the token; without one not at all.
func TestIstiodIsCalledWithTheToken(t *testing.T) {
	var called []string
	istiod := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called = append(called, r.TLS.ServerName+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "7")
	}))
	istiod.EnableHTTP2 = true
	certificate, key, err := cert.GenerateSelfSignedCertKey("istiod-canary.mesh.svc", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	istiod.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	istiod.StartTLS()
	t.Cleanup(istiod.Close)
	o := &options{
		proxyCheckInterval: time.Minute, namespace: "mesh", istiodService: "istiod-canary", istiodAddress: istiod.Listener.Addr().String(),
		istiodTokenFile: filepath.Join(t.TempDir(), "token"), istiodCAFile: filepath.Join(t.TempDir(), "root-cert.pem"),
	}
	for path, content := range map[string][]byte{o.istiodTokenFile: []byte("secret\n"), o.istiodCAFile: certificate} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := newIstiod(cachedManager{}, o).Rejections(t.Context()); err == nil {
		t.Error("no error of istiod's")
	}
	if diff := cmp.Diff([]string{"istiod-canary.mesh.svc Bearer secret"}, called); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	o.istiodTokenFile = ""
	if _, err := newIstiod(cachedManager{}, o).Rejections(t.Context()); err == nil || len(called) != 1 {
		t.Errorf("without a token: %v, %d requests", err, len(called))
	}
}

// The replicas of all revisions are called, or those of one Service.
func TestIstiodsReplicas(t *testing.T) {
	endpoints := func(namespace, service, address string) client.Object {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: service + "-1",
				Labels: map[string]string{discoveryv1.LabelServiceName: service, "app": strings.TrimSuffix(service, "-canary")},
			},
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address}}},
		}
	}
	mgr := cachedManager{objects: fake.NewClientBuilder().WithObjects(
		endpoints("mesh", "istiod-canary", "10.0.0.1"), endpoints("mesh", "istiod", "10.0.0.2"), endpoints("other", "istiod-canary", "10.0.0.3"),
		endpoints("mesh", "wasmer", "10.0.0.4"),
	).Build()}
	for _, tt := range []struct {
		service, address string
		want             []string
	}{
		{"", "", []string{"10.0.0.1:15012", "10.0.0.2:15012"}},
		{"istiod-canary", "", []string{"10.0.0.1:15012"}},
		{"istiod-canary", "127.0.0.1:1", []string{"127.0.0.1:1"}},
	} {
		got, err := istiods(mgr, &options{namespace: "mesh", istiodService: tt.service, istiodAddress: tt.address})(t.Context())
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%+v: error %v, replicas (-want +got):\n%s", tt, err, diff)
		}
	}
}
