// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/proxies"
)

// refusedByEnvoy passes istiod's validation. Envoy compiles the script, and cannot.
const refusedByEnvoy = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: %[1]s, namespace: default}
spec:
  workloadSelector: {labels: {app: %[1]s}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND, listener: {portNumber: 9080, filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code: {inline_string: "no script"}
`

// TestIstiodTellsRefusals: istiod tells why a proxy, by the name of its Pod, refused its listeners.
func TestIstiodTellsRefusals(t *testing.T) {
	w := workload(t, "refusing")
	sidecar(t, w, ProxyOptions{})
	if got := lastError(t, w.Pod); got != "" {
		t.Fatalf("it has refused listeners: %s", got)
	}
	cluster.Apply(t, namespace, fmt.Sprintf(refusedByEnvoy, w.Name))
	t.Cleanup(func() { byHand{name: w.Name}.delete(t) })
	suite.Eventually(t, func(context.Context) error {
		if got := lastError(t, w.Pod); !strings.Contains(got, "script load error") {
			return fmt.Errorf("istiod tells %q", got)
		}
		return nil
	})
}

// lastError is what istiod tells of the listeners that a proxy refused last.
func lastError(t *testing.T, p *Pod) string {
	t.Helper()
	var proxies []struct {
		Proxy     string `json:"proxy"`
		Resources map[string]struct {
			LastError string `json:"lastError"`
		} `json:"resources"`
	}
	if err := json.Unmarshal([]byte(get(t, IstiodURL()+"/debug/syncz")), &proxies); err != nil {
		t.Fatal(err)
	}
	for _, proxy := range proxies {
		if proxy.Proxy == p.Name+"."+p.Namespace {
			return proxy.Resources["type.googleapis.com/envoy.config.listener.v3.Listener"].LastError
		}
	}
	t.Fatalf("istiod does not know the proxy of Pod %s", p)
	return ""
}

// TestIstiodToken asks the API server about wasmer's token as istiod does of a caller that is not on its machine.
func TestIstiodToken(t *testing.T) {
	token, err := os.ReadFile(cluster.IstiodTokenFile())
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(cluster.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	for audience, want := range map[string]string{"istio-ca": "system:serviceaccount:istio-system:wasmer", "another": ""} {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
			Token: string(token), Audiences: []string{audience},
		}}
		answer, err := client.AuthenticationV1().TokenReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, answer.Status.User.Username); diff != "" {
			t.Errorf("for %s the token is of (-want +got):\n%s\n%s", audience, diff, answer.Status.Error)
		}
	}
}

// TestIstiodOverTLS: wasmer reads the sync status of its istiod as it does in a cluster: verified, and by its token.
// istiod takes no other token, and wasmer sends its own to no other server.
func TestIstiodOverTLS(t *testing.T) {
	t.Parallel()
	w := workload(t, "synced")
	sidecar(t, w, ProxyOptions{})
	o := proxies.IstiodOptions{
		Instances: func(context.Context) ([]string, error) { return []string{secureAddress()}, nil },
		Namespace: "istio-system", Service: "istiod", CAFile: cluster.IstiodCAFile(), TokenFile: cluster.IstiodTokenFile(),
	}
	name := w.Pod.Namespace + "/" + w.Pod.Name
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := proxies.NewIstiod(o).Rejections(ctx)
		if rejection, known := got[name]; err != nil || !known || rejection != "" {
			return fmt.Errorf("error %w; proxy %s in %v", err, name, got)
		}
		return nil
	})
	another := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(another, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		edit func(*proxies.IstiodOptions)
		want string
	}{
		"another token": {func(o *proxies.IstiodOptions) { o.TokenFile = another }, "gRPC status 16"},
		"another name":  {func(o *proxies.IstiodOptions) { o.Service = "another" }, "x509"},
		"in clear text": {
			func(o *proxies.IstiodOptions) {
				o.Instances = func(context.Context) ([]string, error) { return []string{monitoringAddress()}, nil }
			}, "HTTP response to HTTPS client",
		},
	}
	for name, c := range cases {
		other := o
		c.edit(&other)
		if got, err := proxies.NewIstiod(other).Rejections(t.Context()); len(got) != 0 || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want %q", name, got, err, c.want)
		}
	}
}
