// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// noIstio is what wasmer says in a cluster without Istio.
const noIstio = "the cluster has no kind EnvoyFilter of networking.istio.io/v1alpha3: install Istio"

// TestIstioComesLater: without Istio's CRDs wasmer lives, is not ready, and says why and what to do. With EnvoyFilter it
// starts, and the kinds that findings are made of are watched when they come, all without a restart.
func TestIstioComesLater(t *testing.T) {
	t.Parallel()
	c := suite.Start(t, env.Options{WithoutWasmer: true, WithoutIstio: true})
	if err := c.ApplyManifests(t.Context(), "webhook"); err != nil {
		t.Fatal(err)
	}
	w := c.Wasmer()
	if err := w.StartUnready(t.Context()); err != nil {
		t.Fatal(err)
	}
	suite.Eventually(t, func(ctx context.Context) error { return saysOnReadyz(ctx, w, noIstio) })
	requireMissing(t, w, "EnvoyFilter", 1)

	applyIstio(t, c, func(crd string) bool { return strings.Contains(crd, "name: envoyfilters.networking.istio.io\n") })
	if err := w.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireMissing(t, w, "EnvoyFilter", 0)
	requireMissing(t, w, "Sidecar", 1)
	ns := c.Namespace(t)
	module := c.Object(t, "istio-later.wasm", wasmtest.Module(wasmtest.Salt(t.Name())))
	c.Apply(t, ns, suite.Manifest{Name: "later", Source: suite.Object(module, "")}.String())
	applyHidden(t, c, ns, hiddenPod)
	c.WaitFor(t, ns, "later", suite.Observed, suite.Condition(v1alpha1.ConditionPreflightPassed, metav1.ConditionTrue, v1alpha1.ReasonNothingFound))

	applyIstio(t, c, func(string) bool { return true })
	requireMissing(t, w, "Sidecar", 0)
	applyHidden(t, c, ns, hidingSidecar)
	c.WaitFor(t, ns, "later", suite.Condition(v1alpha1.ConditionPreflightPassed, metav1.ConditionFalse, v1alpha1.ReasonModuleServerHidden))

	failHandshake(t, w)
	requireJSON(t, w.Log(), noIstio)
}

const (
	hiddenPod = `{apiVersion: v1, kind: Pod, metadata: {name: details-1, labels: {app: details}}, spec: {
		automountServiceAccountToken: false, containers: [{name: app, image: app}, {name: istio-proxy, image: envoy}]}}`
	hidingSidecar = `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: default}, spec: {egress: [{hosts: ["./*"]}]}}`
)

// applyHidden applies an object, which may need a service account or a kind that has just come.
func applyHidden(t *testing.T, c *suite.Cluster, ns, manifest string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		_, err := c.KubectlInput(ctx, manifest, "apply", "-n", ns, "-f", "-")
		return err
	})
}

// applyIstio applies those of Istio's CRDs that are wanted.
func applyIstio(t *testing.T, c *suite.Cluster, wanted func(crd string) bool) {
	t.Helper()
	path, err := c.IstioCRDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var crds []string
	for crd := range strings.SplitSeq(string(all), "\n---\n") {
		if wanted(crd) {
			crds = append(crds, crd)
		}
	}
	if _, err := c.KubectlInput(t.Context(), strings.Join(crds, "\n---\n"), "apply", "--server-side", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// saysOnReadyz is nil when wasmer lives, is not ready, and gives the reason.
func saysOnReadyz(ctx context.Context, w *env.Wasmer, reason string) error {
	if err := env.Probe(ctx, w.HealthURL+"/healthz"); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.HealthURL+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), reason) {
		return fmt.Errorf("/readyz answers %s %q, %v", response.Status, body, err)
	}
	return nil
}

// requireMissing waits until the metric says whether a kind of Istio's is missing.
func requireMissing(t *testing.T, w *env.Wasmer, kind string, want float64) {
	t.Helper()
	name := fmt.Sprintf("wasmer_kind_missing{kind=%q}", kind+".networking.istio.io")
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := suite.Metric(ctx, w.MetricsURL, name)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %v, want %v", name, got, want)
		}
		return err
	})
}

// failHandshake connects to the webhook server without TLS, which net/http logs.
func failHandshake(t *testing.T, w *env.Wasmer) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.WebhookURL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn) // until the server has had enough
}

// requireJSON waits until a log says something and a failed handshake, and requires each of its lines to be JSON.
func requireJSON(t *testing.T, path, words string) {
	t.Helper()
	var text string
	suite.Eventually(t, func(context.Context) error {
		content, err := os.ReadFile(path)
		text = string(content)
		if err == nil && (!strings.Contains(text, words) || !strings.Contains(text, "TLS handshake error")) {
			err = fmt.Errorf("it is not in the log %s", path)
		}
		return err
	})
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
	}
}
