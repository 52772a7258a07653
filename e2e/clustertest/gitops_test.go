//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// TestFlux follows docs/gitops.md, in which Flux syncs the tutorial and then a mistake, and goes on with what else happens to
// manifests in git: the rows of the page's table.
func TestFlux(t *testing.T) {
	t.Parallel()
	f := startFlux(t)
	for _, scene := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"as documented", f.followPage},
		{"a registry that is down", f.registryDown}, // the wait for which takes half a minute at least
		{"drift", f.drift},
		{"a source in the same commit", f.secretsAndConfigMaps},
		{"a bad object among good ones", f.badAmongGood},
		{"what a dry run cannot know", f.applyRefused},
		{"a filter that does not start", f.stalled},
		{"the end of the wait", f.waitEnds},
	} {
		if !t.Run(scene.name, scene.run) {
			t.FailNow() // the others build on it
		}
	}
}

// followPage runs the commands of the page.
func (f *flux) followPage(t *testing.T) {
	doctest.Links(t, inCheckout(t), f.dir, "bin")
	f.user(t).Run(t, doctest.Section("flux"))
}

// user is who reads the page.
func (f *flux) user(t *testing.T) doctest.Shell {
	return doctest.Shell{
		Root: inCheckout(t), Dir: f.dir, Env: []string{"PATH=" + f.path + ":" + os.Getenv("PATH")},
		Stands: []string{"registry.example/details:v1", variable(t, "APP_IMAGE"), "registry.example", variable(t, "REGISTRY")},
		Shown:  []string{"down.example", downRegistry(t)},
		Masks: []doctest.Mask{
			doctest.NewMask(`^(\S+ +)\d+[a-z0-9]*( +(?:True|False|Unknown))`, "${1}AGE$2"),
			doctest.NewMask(`^\d+[a-z0-9]*( +(?:Normal|Warning))`, "AGE$1"),
		},
	}
}

// drift: what somebody changes by hand is put back.
func (f *flux) drift(t *testing.T) {
	kubectl(t, "patch", "autowasm", "test", "-n", "shop", "--type=merge", `-p={"spec":{"filter":{"applyPorts":[7777],"priority":5}}}`)
	f.reconcile(t, "kustomization/filters")
	suite.Eventually(t, func(ctx context.Context) error { // what git does not have is taken out
		got, err := runKubectl(ctx, "", "get", "autowasm", "test", "-n", "shop", "-o=jsonpath={.spec.filter.applyPorts} {.spec.filter.priority}")
		if err == nil && got != "[9080] " {
			err = fmt.Errorf("ports and priority are %s after the next reconciliation", got)
		}
		return err
	})
}

const pullSecret = `
apiVersion: v1
kind: Secret
metadata: {name: regcred, namespace: shop}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths":{"$REGISTRY":{"username":"robot","password":"x"}}}'}
---
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: with-secret, namespace: shop}
spec:
  selector: {matchLabels: {app: details}}
  secret: regcred
  filter: {applyPorts: [9080], source: {registry: {image: "$REGISTRY/wasm-add-header:v0.3"}}}
`

// secretsAndConfigMaps come with the AutoWasms that name them, and go with them.
func (f *flux) secretsAndConfigMaps(t *testing.T) {
	f.write(t, "shop/filters/with-secret.yaml", pullSecret)
	f.example(t)
	f.push(t)
	f.await(t, "filters", "True", "Applied revision")
	names := kubectl(t, "get", "autowasms,envoyfilters", "-n", "shop", "-o=name")
	for _, name := range []string{"autowasm.wasm.tcm.io/with-secret", "autowasm.wasm.tcm.io/example-filter", "envoyfilter.networking.istio.io/example-filter"} {
		if !strings.Contains(names, name) {
			t.Errorf("there is no %s, only %s", name, names)
		}
	}
	f.write(t, "shop/filters/with-secret.yaml", "")
	if err := os.RemoveAll(filepath.Join(f.dir, "shop", "filters", "from-configmap")); err != nil {
		t.Fatal(err)
	}
	f.push(t)
	f.await(t, "filters", "True", "Applied revision")
	suite.Eventually(t, func(ctx context.Context) error {
		left, err := runKubectl(ctx, "", "get", "autowasms,envoyfilters,configmaps,secrets", "-n", "shop", "-o=name")
		if err == nil && (strings.Contains(left, "with-secret") || strings.Contains(left, "example-filter") || strings.Contains(left, "regcred")) {
			err = errors.New("not pruned: " + left)
		}
		return err
	})
}

// example copies examples/manifests/kustomize, with the AssemblyScript filter as its ConfigMap.
func (f *flux) example(t *testing.T) {
	t.Helper()
	for _, name := range []string{"kustomization.yaml", "name-reference.yaml", "autowasm.yaml"} {
		manifest := string(read(t, inCheckout(t, "examples", "manifests", "kustomize", name)))
		switch name {
		case "kustomization.yaml":
			manifest += "namespace: shop\n"
		case "autowasm.yaml":
			manifest = strings.Replace(manifest, "  filter:\n", "  filter:\n    rootID: add_header\n", 1)
		}
		f.write(t, "shop/filters/from-configmap/"+name, manifest)
	}
	module := read(t, inCheckout(t, "examples", "add-header-assemblyscript", "add-header.wasm"))
	suite.WriteFile(t, f.dir, "shop/filters/from-configmap/filter.wasm", module)
}

const registryFilter = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: NAME, namespace: shop}
spec:
  selector: {matchLabels: {app: SELECTED}}
  filter: {source: {registry: {image: "IMAGE"}}}
`

func registryManifest(name, selected, image string) string {
	return strings.NewReplacer("NAME", name, "SELECTED", selected, "IMAGE", image).Replace(registryFilter)
}

// badAmongGood: nothing of the commit is applied, and what runs goes on.
func (f *flux) badAmongGood(t *testing.T) {
	f.write(t, "shop/filters/a-good.yaml", registryManifest("a-good", "details", "$REGISTRY/wasm-add-header:v0.3"))
	f.write(t, "shop/filters/bad.yaml", registryManifest("bad", "details", "$REGISTRY/wasm-add-header:v0.4"))
	f.push(t)
	f.await(t, "filters", "False", "AutoWasm/shop/bad dry-run failed (Forbidden)", "wasm-add-header:v0.4")
	names := kubectl(t, "get", "autowasms", "-n", "shop", "-o=name")
	if strings.Contains(names, "good") || !strings.Contains(names, "autowasm.wasm.tcm.io/test") {
		t.Errorf("beside a bad object there is %s", names)
	}
	f.write(t, "shop/filters/a-good.yaml", "")
	f.write(t, "shop/filters/bad.yaml", "")
	f.push(t)
	f.await(t, "filters", "True")
}

const downSource = `
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: down}
spec: {url: "oci://$REGISTRY/down", insecure: true, ref: {tag: main}, interval: 1h}
`

const shortKustomization = `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: NAME, namespace: flux-system}
spec:
  sourceRef: {kind: OCIRepository, name: SOURCE}
  path: ./NAME
  interval: 1h
  timeout: 30s
  prune: true
  wait: true
`

// kustomization applies the directory of its name in a source, and waits for it for as short as Flux can.
func (f *flux) kustomization(t *testing.T, source, name, more string) {
	t.Helper()
	apply(t, fluxNamespace, strings.NewReplacer("SOURCE", source, "NAME", name).Replace(shortKustomization)+more)
}

// registryDown has a Kustomization wait for what does not come, and one beside it that has the health check of the page.
func (f *flux) registryDown(t *testing.T) {
	for _, name := range []string{"waiting", "telling"} {
		f.write(t, "down/"+name+"/"+name+".yaml", registryManifest(name, "nobody", downRegistry(t)+"/x:v1"))
	}
	f.pushTo(t, "down") // a source of their own: a revision of the other would have them begin again
	apply(t, fluxNamespace, os.ExpandEnv(downSource))
	f.kustomization(t, "down", "waiting", "")
	f.kustomization(t, "down", "telling", healthCheck(t))
	f.kustomization(t, "down", "later", "  dependsOn: [{name: waiting}]\n")
	f.user(t).Run(t, doctest.Section("flux-events"))
}

// downRegistry is one that refuses connections.
func downRegistry(t *testing.T) string {
	t.Helper()
	host, _, _ := strings.Cut(variable(t, "REGISTRY"), ":")
	return host + ":9"
}

// waitEnds: with its timeout. Those who depend on it do not begin. Flux prints why by the health check of the page. That no Pod
// is selected is a warning once for each change, of the dry run and of the apply.
func (f *flux) waitEnds(t *testing.T) {
	f.prints(t, "waiting", "timeout waiting for: [AutoWasm/shop/waiting status: 'InProgress']")
	f.prints(t, "telling", "AutoWasm/shop/telling status: ", "no such key: Unavailable: look up "+downRegistry(t)+"/x:v1", "connection refused")
	f.prints(t, "later", "dependency 'flux-system/waiting' is not ready")
	log := string(read(t, f.kustomize.running.Log))
	if n := strings.Count(log, "app=nobody matches no pod"); n != 2*2 {
		t.Errorf("Flux logs %d warnings about the selectors of two AutoWasms", n)
	}
}

// healthCheck is that of the page, as the end of a Kustomization.
func healthCheck(t *testing.T) string {
	t.Helper()
	page := string(read(t, inCheckout(t, "docs", "gitops.md")))
	_, yaml, found := strings.Cut(page, "  healthCheckExprs:\n")
	yaml, _, ended := strings.Cut(yaml, "```")
	if !found || !ended {
		t.Fatal("docs/gitops.md has no healthCheckExprs")
	}
	return "  healthCheckExprs:\n" + yaml
}

const junk = `
apiVersion: v1
kind: ConfigMap
metadata: {name: junk, namespace: shop}
binaryData: {filter.wasm: bm8gbW9kdWxl}
---
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: junk, namespace: shop}
spec:
  selector: {matchLabels: {app: details}}
  filter: {source: {configMap: {name: junk, key: filter.wasm}}}
`

// applyRefused: a ConfigMap that comes with its AutoWasm is not there yet when the AutoWasm is dry-run.
func (f *flux) applyRefused(t *testing.T) {
	f.write(t, "shop/junk/junk.yaml", junk)
	f.push(t)
	f.kustomization(t, "shop", "junk", "")
	f.await(t, "junk", "False", "AutoWasm/shop/junk apply failed: ", "spec.filter.source.configMap")
	kubectl(t, "delete", "kustomization", "junk", "-n", fluxNamespace)
}

// stalled: the module lacks its rootID, and traps at its start in the proxy.
func (f *flux) stalled(t *testing.T) {
	// The trial does not deny what fails with a variable of the proxy's.
	const unknownRoot = "rootID: wrong\n    env:\n    - name: HOME\n      fromHost: true"
	f.example(t)
	const example = "shop/filters/from-configmap"
	manifest := string(read(t, filepath.Join(f.dir, example, "autowasm.yaml")))
	suite.WriteFile(t, f.dir, example+"/autowasm.yaml", []byte(strings.Replace(manifest, "rootID: add_header", unknownRoot, 1)))
	if err := os.Rename(filepath.Join(f.dir, example), filepath.Join(f.dir, "shop", "stalled")); err != nil {
		t.Fatal(err)
	}
	f.push(t)
	f.kustomization(t, "shop", "stalled", "")
	f.await(t, "stalled", "False", "failed early due to stalled resources: [AutoWasm/shop/example-filter status: 'Failed']")
	kubectl(t, "delete", "kustomization", "stalled", "-n", fluxNamespace)
}
