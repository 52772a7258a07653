//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// TestArgoCD follows docs/gitops.md, in which Argo CD syncs the tutorial and then a mistake, and goes on with what else happens
// to manifests in git: the rows of the page's table.
func TestArgoCD(t *testing.T) {
	t.Parallel()
	a := startArgoCD(t)
	for _, scene := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"as documented", a.followPage},
		{"bad objects among good ones", a.badAmongGood},
		{"a wave behind a registry that is down", a.wave},
		{"a filter that does not start", a.stalled},
		{"drift", a.drift},
		{"prune", a.prune},
	} {
		if !t.Run(scene.name, scene.run) {
			t.FailNow() // the others build on it
		}
	}
}

// user is who reads the page.
func (a *argoCD) user(t *testing.T) doctest.Shell {
	registry := variable(t, "REGISTRY")
	user := documentedShell(t, "default")
	user.Dir, user.Env = a.dir, append(user.Env, gitAuthor...)
	user.Stands = []string{
		"https://git.example/team.git", "file://" + a.origin, "namespace: shop", "namespace: " + argoShop, "-n shop", "-n " + argoShop,
		"name: shop\n  labels", "name: " + argoShop + "\n  labels", "registry.example/details:v1", variable(t, "APP_IMAGE"), "registry.example", registry + "/argocd",
	}
	user.Shown = []string{"registry.example/wasm", registry + "/argocd/wasm", "registry.example", registry}
	return user
}

// followPage runs the commands of the page, with the application and the filter of its part on Flux.
func (a *argoCD) followPage(t *testing.T) {
	user := a.user(t)
	a.image = variable(t, "REGISTRY") + "/argocd/wasm-add-header:v0.3"
	if err := copyImage(t.Context(), push(t, "argocd/wasm-add-header"), a.image); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer(user.Stands...)
	for _, name := range []string{"app.yaml", "test.yaml"} {
		suite.WriteFile(t, a.dir, name, []byte(fill.Replace(fileOfPage(t, "docs/gitops.md", name))))
	}
	user.Run(t, doctest.Section("argocd"))
}

// fileOfPage returns the block of a page that is a file of this name.
func fileOfPage(t *testing.T, page, name string) string {
	t.Helper()
	blocks, err := doctest.Blocks(inCheckout(t))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(blocks, func(b *doctest.Block) bool { return b.Page == page && strings.HasPrefix(b.Text, "# "+name+"\n") })
	if i < 0 {
		t.Fatalf("%s has no file %s", page, name)
	}
	return blocks[i].Text
}

// annotated is a manifest of a filter with annotations, each of which is a line of YAML.
func annotated(manifest string, annotations ...string) string {
	return strings.Replace(manifest, "metadata: {", "metadata: {annotations: {"+strings.Join(annotations, ", ")+"}, ", 1)
}

// shopFilter is registryManifest in the namespace of the Application.
func shopFilter(name, selected, image string) string {
	return strings.Replace(registryManifest(name, selected, image), "namespace: shop", "namespace: "+argoShop, 1)
}

// Annotations of the page that keep an AutoWasm whose manifest is gone, and the Application Synced.
const (
	keep       = `argocd.argoproj.io/sync-options: "Prune=false,Delete=false"`
	keepSynced = `argocd.argoproj.io/compare-options: IgnoreExtraneous`
)

// lonely is a workload that runs before its filter comes, and has no other. How many virtual machines a filter has is certain
// only when the former listeners of others are drained, for which Envoy takes 45 seconds.
const lonely = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: lonely, namespace: ` + argoShop + `}
spec:
  selector: {matchLabels: {app: lonely}}
  template:
    metadata: {labels: {app: lonely}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: "IMAGE", ports: [{containerPort: 9080}]}]
`

// badAmongGood: Argo CD applies what is good, and tells why it did not apply what is bad.
func (a *argoCD) badAmongGood(t *testing.T) {
	missing := strings.Replace(a.image, "v0.3", "v0.4", 1)
	a.commit(t, map[string]string{
		"lonely.yaml": strings.Replace(lonely, "IMAGE", variable(t, "APP_IMAGE"), 1),
		"gone.yaml":   shopFilter("gone", "nobody", a.image),
		"kept.yaml":   annotated(shopFilter("kept", "nobody", a.image), keep, keepSynced),
		"bad.yaml":    shopFilter("bad", "details", missing),
		"rule.yaml":   strings.Replace(shopFilter("rule", "details", a.image), "filter: {", "filter: {applyPorts: [0], ", 1),
		"junk.yaml":   strings.ReplaceAll(junk, "namespace: shop", "namespace: "+argoShop),
	})
	a.await(t, "OutOfSync", "Missing", "one or more objects failed to apply", "Retrying attempt #1",
		"Name:bad Status:SyncFailed", missing, "does not have it", "Name:rule Status:SyncFailed", "spec.filter.applyPorts[0]",
		"Name:junk Status:SyncFailed", "spec.filter.source.configMap")
	if err := has(t.Context(), "gone", "kept", "test"); err != nil {
		t.Error(err)
	}
}

// wave: the next attempt is at the corrected commit. It waits for the registry, and what is in git meanwhile waits for it.
func (a *argoCD) wave(t *testing.T) {
	a.commit(t, map[string]string{
		"bad.yaml": "", "rule.yaml": "", "junk.yaml": "",
		"waiting.yaml": shopFilter("waiting", "nobody", downRegistry(t)+"/x:v1"),
		"late.yaml":    annotated(shopFilter("late", "nobody", a.image), `argocd.argoproj.io/sync-wave: "1"`),
	})
	a.await(t, "OutOfSync", "Missing", "Phase:Running Message:waiting for healthy state of wasm.tcm.io/AutoWasm/waiting")
	kubectl(t, "wait", "autowasm/waiting", "-n", argoShop, `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Unavailable`, suite.TimeoutFlag)
	a.user(t).Run(t, doctest.Section("argocd-refresh"))
	a.await(t, "OutOfSync", "Missing", "Status:Progressing Message:look up "+downRegistry(t)+"/x:v1")
	former := a.head(t)
	a.commit(t, map[string]string{"waiting.yaml": "", "late.yaml": ""})
	a.await(t, "OutOfSync", "Progressing", "Phase:Running", "SyncResult:{Revision:"+former)
	// argocd app terminate-op
	kubectl(t, "patch", "application", "shop", "-n", argoNamespace, "--type=merge", `-p={"status":{"operationState":{"phase":"Terminating"}}}`)
	a.awaitSynced(t, "Healthy")
}

// stalled: the module lacks its rootID, and traps at its start in the proxy.
func (a *argoCD) stalled(t *testing.T) {
	image := pushFile(t, "argocd/assemblyscript", inCheckout(t, "examples", "add-header-assemblyscript", "add-header.wasm"))
	// The trial does not deny what fails with a variable of the proxy's.
	const unknownRoot = "filter: {applyPorts: [9080], rootID: wrong, env: [{name: HOME, fromHost: true}], "
	a.commit(t, map[string]string{"stalled.yaml": strings.Replace(shopFilter("stalled", "lonely", image), "filter: {", unknownRoot, 1)})
	a.awaitSynced(t, "Degraded", "Name:stalled Status:Synced Health:{Status:Degraded Message:0 of 1 selected proxies run the module; ")
}

// drift: what somebody changes by hand is put back: the EnvoyFilter by wasmer, the AutoWasm by Argo CD.
func (a *argoCD) drift(t *testing.T) {
	kubectl(t, "delete", "envoyfilter", "test", "-n", argoShop)
	suite.Eventually(t, func(ctx context.Context) error { return has(ctx, "gone", "kept", "stalled", "test") })
	kubectl(t, "patch", "autowasm", "test", "-n", argoShop, "--type=merge", `-p={"spec":{"filter":{"applyPorts":[7777]}}}`)
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := runKubectl(ctx, "", "get", "autowasm", "test", "-n", argoShop, "-o=jsonpath={.spec.filter.applyPorts}")
		if err == nil && got != "[9080]" {
			err = fmt.Errorf("the ports are still %s", got)
		}
		return err
	})
	a.awaitSynced(t, "Degraded")
}

// prune: what git does not have any more goes, with its EnvoyFilter, but for what is to be kept.
func (a *argoCD) prune(t *testing.T) {
	a.commit(t, map[string]string{"lonely.yaml": "", "stalled.yaml": "", "gone.yaml": "", "kept.yaml": ""})
	a.awaitSynced(t, "Healthy", "Name:kept Status:OutOfSync")
	suite.Eventually(t, func(ctx context.Context) error { return has(ctx, "kept", "test") })
}

// has returns an error unless these are the AutoWasms of the Application, and its EnvoyFilters.
func has(ctx context.Context, names ...string) error {
	out, err := runKubectl(ctx, "", "get", "autowasms,envoyfilters", "-n", argoShop, "-o=name")
	if err != nil {
		return err
	}
	want := map[string]bool{}
	for _, name := range names {
		want["autowasm.wasm.tcm.io/"+name], want["envoyfilter.networking.istio.io/"+name] = true, true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(slices.Values(strings.Fields(out)))); diff != "" {
		return errors.New("AutoWasms and EnvoyFilters (-want +got):\n" + diff)
	}
	return nil
}
