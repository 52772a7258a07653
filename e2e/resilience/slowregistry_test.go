// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestSlowRegistry proves invariant 3: a registry that has not answered when the
// budget is over lets the object in with a warning, without an EnvoyFilter, and it is
// Synced when the registry has answered.
func TestSlowRegistry(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, module := pushed(t, "slow:v1")
	slow, release := heldRegistry(t)
	restart(t, "--plain-http-hosts="+strings.Join([]string{cluster.Registry, cluster.PrivateRegistry, slow}, ","))
	restartAfter(t)
	out := cluster.Apply(t, ns, suite.Manifest{Name: "slow", Source: suite.Image(strings.Replace(ref, cluster.Registry, slow, 1))}.String())
	if !strings.Contains(out.Stderr, "Warning:") || !strings.Contains(out.Stderr, "Pending") {
		t.Errorf("no warning about the slow registry: %q", out.Stderr)
	}
	if _, err := cluster.EnvoyFilter(t.Context(), ns, "slow"); !apierrors.IsNotFound(err) {
		t.Errorf("an EnvoyFilter without its module: %v", err)
	}
	release()
	cluster.WaitPhase(t, ns, "slow", v1alpha1.PhaseSynced)
	requireServed(t, suite.SHA256(module))
}

// heldRegistry stands before the public registry, answers for no manifest until it
// is released, and returns its host and port.
func heldRegistry(t *testing.T) (address string, release func()) {
	t.Helper()
	ctx, release := context.WithCancel(t.Context())
	registry := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: cluster.Registry})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			select {
			case <-ctx.Done():
			case <-r.Context().Done():
				return
			}
		}
		registry.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { release(); server.Close() })
	return strings.TrimPrefix(server.URL, "http://"), release
}
