// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// shop is the namespace of the manifests that both clusters get.
const shop = "two-clusters-shop"

// TestTwoClusters applies the same manifests to two clusters that share a registry and nothing else. Each converges by itself.
// What one gets while the registry is away waits in that one alone, beside what it runs, and comes into force by itself.
func TestTwoClusters(t *testing.T) {
	registry := startSharedRegistry(t)
	flag := "--plain-http-hosts=" + registry.address
	restart(t, flag)
	restartAfter(t)
	two := suite.Start(t, env.Options{WasmerFlags: []string{flag}})
	t.Cleanup(func() { deleteShop(t) })
	first, second := registry.push(t, "v1"), registry.push(t, "v2")

	var modules []*v1alpha1.ModuleStatus
	for _, c := range []*suite.Cluster{cluster, two} {
		c.Apply(t, shop, first.manifests)
		modules = append(modules, c.WaitPhase(t, shop, "details", v1alpha1.PhaseSynced).Status.Module)
		requireInForce(t, c, first)
	}
	if diff := cmp.Diff(modules[0], modules[1], cmpopts.IgnoreFields(v1alpha1.ModuleStatus{}, "FetchedAt")); diff != "" {
		t.Errorf("the same manifests gave two modules (-one +two):\n%s", diff)
	}

	cluster.Apply(t, shop, second.manifests)
	cluster.WaitPhase(t, shop, "details", v1alpha1.PhaseSynced)
	registry.away.Store(true)
	if out := two.Apply(t, shop, second.manifests); !strings.Contains(out.Stderr, "Warning:") || !strings.Contains(out.Stderr, registry.address) {
		t.Errorf("no warning about the registry: %q", out.Stderr)
	}
	two.WaitFor(t, shop, "details", suite.Observed, suite.Message(registry.address, "503"))
	requireInForce(t, two, first)
	requireInForce(t, cluster, second)
	registry.away.Store(false)
	two.WaitPhase(t, shop, "details", v1alpha1.PhaseSynced)
	requireInForce(t, two, second)

	if _, err := two.Kubectl(t.Context(), "delete", "autowasm", "details", "-n", shop); err != nil {
		t.Fatal(err)
	}
	two.WaitGone(t, shop, "details")
	requireInForce(t, cluster, second)
}

// requireInForce requires the EnvoyFilter of a cluster to name a version's module, and the cluster's wasmer to serve it.
func requireInForce(t *testing.T, c *suite.Cluster, v version) {
	t.Helper()
	out, err := c.Kubectl(t.Context(), "get", "envoyfilter", "details", "-n", shop, "-o", "yaml")
	if err != nil || !strings.Contains(out.Stdout, v.sha256) {
		t.Fatalf("the EnvoyFilter does not name %s: %v\n%s", v.sha256, err, out.Stdout)
	}
	suite.RequireServed(t, c.Wasmer().URL, v.sha256)
}

func deleteShop(t *testing.T) {
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, "delete", "namespace", shop, "--ignore-not-found", "--wait=false"); err != nil {
		t.Error(err)
	}
}

// A sharedRegistry stands before the public registry of the first cluster, for all. While it is away it answers 503.
type sharedRegistry struct {
	address string // host:port
	away    atomic.Bool
}

func startSharedRegistry(t *testing.T) *sharedRegistry {
	t.Helper()
	r := &sharedRegistry{}
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: cluster.Registry})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if r.away.Load() {
			http.Error(w, "the registry is away", http.StatusServiceUnavailable)
			return
		}
		behind.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.address = strings.TrimPrefix(server.URL, "http://")
	return r
}

// A version of the filter, and the manifests by which a cluster gets it.
type version struct{ manifests, sha256 string }

// push pushes a version of the filter.
func (r *sharedRegistry) push(t *testing.T, tag string) version {
	t.Helper()
	ref, module := pushed(t, "two-clusters:"+tag)
	ref = strings.Replace(ref, cluster.Registry, r.address, 1)
	return version{
		manifests: "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + shop + "}\n---\n" +
			suite.Manifest{Name: "details", Source: suite.Image(ref)}.String(),
		sha256: suite.SHA256(module),
	}
}
