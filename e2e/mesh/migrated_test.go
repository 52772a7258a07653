// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	wasmfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/suite"
)

// plugins are WasmPlugins of each phase for one workload. The first is Istio's own sample, of its task "Executing WebAssembly
// Modules", but for what it selects and the image.
const plugins = `
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: basic-auth, namespace: default}
spec:
  selector: {matchLabels: {app: migrated}}
  match: [{mode: SERVER, ports: [{number: 9080}]}]
  phase: AUTHN
  url: oci://IMAGE
  pluginConfig:
    basic_auth_rules:
    - {prefix: /productpage, request_methods: [GET, POST], credentials: ["ok:test"]}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: plain-late, namespace: default}
spec:
  selector: {matchLabels: {app: migrated}}
  match: [{mode: SERVER, ports: [{number: 9080}]}]
  url: oci://IMAGE
  priority: 1
  failStrategy: FAIL_OPEN
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: plain-early, namespace: default}
spec:
  selector: {matchLabels: {app: migrated}}
  match: [{mode: SERVER, ports: [{number: 9080}]}]
  url: oci://IMAGE
  priority: 2
  pluginName: early
  vmConfig: {env: [{name: A, value: b}]}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: stats, namespace: default}
spec:
  selector: {matchLabels: {app: migrated}}
  match: [{mode: SERVER, ports: [{number: 9080}]}]
  phase: STATS
  url: oci://IMAGE
`

// TestMigratedPluginsInIstiodsListener: the AutoWasms that wasmc migrate prints of WasmPlugins run in the order of these, with their
// configuration. They run right before the router, where the plugins run before Istio's own filters, which
// wasmc migrate says.
func TestMigratedPluginsInIstiodsListener(t *testing.T) {
	w := workload(t, "migrated")
	old := strings.ReplaceAll(plugins, "IMAGE", pushExample(t, "migrated"))
	cluster.Apply(t, namespace, old)
	t.Cleanup(func() { deleteManifests(t, old) })
	wantOld := append(pluginFilters("basic-auth", "stats", "plain-early", "plain-late"), istioFilters(routerFilter)...)
	before := waitForChain(t, w, wantOld)

	migrated, said := migrate(t, old)
	cluster.Apply(t, namespace, migrated)
	t.Cleanup(func() { deleteManifests(t, migrated) })
	deleteManifests(t, old)
	ours := []string{"autowasm.default.basic-auth", "autowasm.default.stats", "autowasm.default.plain-early", "autowasm.default.plain-late"}
	after := waitForChain(t, w, istioFilters(append(ours, routerFilter)...))

	if diff := cmp.Diff(settingsOf(t, before), settingsOf(t, after)); diff != "" {
		t.Errorf("the filters' settings (-plugins +AutoWasms):\n%s", diff)
	}
	for _, name := range []string{"basic-auth", "stats", "plain-early", "plain-late"} {
		if !strings.Contains(said, "default/"+name+": spec.phase: ") {
			t.Errorf("wasmc migrate says nothing about the place of %s:\n%s", name, said)
		}
	}
}

// pluginFilters are the names that istiod gives filters of WasmPlugins.
func pluginFilters(names ...string) []string {
	var all []string
	for _, name := range names {
		all = append(all, "extensions.istio.io/trafficextension/default."+name+"~istio-translated-wasmplugin")
	}
	return all
}

// waitForChain waits until istiod has exactly these filters in both chains of the workload's tutorial port, and returns the
// first.
func waitForChain(t *testing.T, w *Workload, want []string) []ads.HTTPFilter {
	t.Helper()
	var chain []ads.HTTPFilter
	suite.Eventually(t, func(ctx context.Context) error {
		now, err := ads.Fetch(ctx, mesh.Istiod.Address, w.Node())
		if err != nil {
			return err
		}
		chains, err := ads.HTTPFilters(now.Listener(w.InboundListener(InboundPort)))
		if err != nil {
			return err
		}
		for _, chain = range chains {
			if got := ads.Names(chain); !slices.Equal(got, want) {
				return fmt.Errorf("%s has the filters %v, want %v", w.Name, got, want)
			}
		}
		if len(chains) != 2 {
			return fmt.Errorf("%s has %d chains", w.Name, len(chains))
		}
		return ads.Discover(ctx, mesh.Istiod.Address, w.Node(), chain)
	})
	return chain
}

// migrate runs wasmc migrate, which cannot map the phase AUTHN, and returns what it prints.
func migrate(t *testing.T, old string) (migrated, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "old.yaml")
	if err := os.WriteFile(file, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, notes strings.Builder
	cmd := exec.CommandContext(t.Context(), cluster.Binaries().Wasmc, "migrate", "-f", file)
	cmd.Stdout, cmd.Stderr = &out, &notes
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("%s: %v, want exit status 3\n%s", cmd, err, notes.String())
	}
	return out.String(), notes.String()
}

func deleteManifests(t *testing.T, manifests string) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := cluster.KubectlInput(ctx, manifests, "delete", "--ignore-not-found", "-n", namespace, "-f", "-"); err != nil {
		t.Error(err)
	}
}

// settings are what a filter's module gets, and what the proxy does without it.
type settings struct {
	RootID string
	Config any
	Env    map[string]string
	Open   bool // requests pass while the module cannot run
}

// settingsOf are those of a chain's Wasm filters, in their order.
func settingsOf(t *testing.T, chain []ads.HTTPFilter) (all []settings) {
	t.Helper()
	for _, f := range chain {
		filter := &wasmfilterv3.Wasm{}
		if !f.Config.MessageIs(filter) {
			continue
		}
		if err := f.Config.UnmarshalTo(filter); err != nil {
			t.Fatal(err)
		}
		all = append(all, settingsIn(t, filter.GetConfig()))
	}
	return all
}

func settingsIn(t *testing.T, plugin *wasmv3.PluginConfig) settings {
	t.Helper()
	s := settings{RootID: plugin.GetRootId(), Open: plugin.GetFailurePolicy() == wasmv3.FailurePolicy_FAIL_OPEN}
	var text wrapperspb.StringValue
	if plugin.GetConfiguration().MessageIs(&text) {
		if err := plugin.GetConfiguration().UnmarshalTo(&text); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text.GetValue()), &s.Config); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range plugin.GetVmConfig().GetEnvironmentVariables().GetKeyValues() {
		if strings.HasPrefix(name, "ISTIO_META_") { // for Istio's agent, which takes it away
			continue
		}
		if s.Env == nil {
			s.Env = map[string]string{}
		}
		s.Env[name] = value
	}
	return s
}
