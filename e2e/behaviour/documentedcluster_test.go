// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/doctest"
)

// TestDocumentedSources: what the pages say to do before an AutoWasm is applied lets it be.
func TestDocumentedSources(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	s := loggedIn(t, privateShell(t, ns))
	suite.WriteFile(t, s.Dir, "add-header.wasm", exampleFilter(t))
	suite.WriteFile(t, s.Dir, "filter.wasm", wasmtest.Module(wasmtest.Salt("documented sources")))
	s.Run(t, doctest.Section("registry-source"))
	s.Run(t, doctest.Section("configmap-source"))
	image := tutorial.Manifest{Name: "image", Image: cluster.PrivateRegistry + "/team/add-header:v1", Secret: "regcred"}
	cluster.Apply(t, ns, image.String())
	cluster.Apply(t, ns, string(read(t, filepath.Join(cluster.Checkout, "examples", "manifests", "configmap.yaml"))))
	cluster.WaitPhase(t, ns, "image", v1alpha1.PhaseSynced)
	cluster.WaitPhase(t, ns, "example-filter", v1alpha1.PhaseSynced)
}

// TestDocumentedPullSecret makes the Secret that a refused AutoWasm wants.
func TestDocumentedPullSecret(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	privateShell(t, ns).Run(t, doctest.Section("pull-secret"))
	image := cluster.PushPrivate(t, "documented/pull-secret:v1", moduleImage(t, wasmtest.Module(wasmtest.Salt("documented pull-secret"))))
	cluster.Apply(t, ns, tutorial.Manifest{Image: image, Secret: "regcred"}.String())
	cluster.WaitPhase(t, ns, "test", v1alpha1.PhaseSynced)
}

// TestDocumentedDefaults gives the namespace shop its defaults, and applies an AutoWasm that has none of these fields.
func TestDocumentedDefaults(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	s := privateShell(t, ns)
	s.Stands, s.Shown = append(s.Stands, "shop", ns), nil
	manifest := suite.Manifest{Name: "d1", Source: suite.Image(cluster.PrivateRegistry + "/team/add-header:v1")}
	suite.WriteFile(t, s.Dir, "d1.yaml", []byte(manifest.String()))
	cluster.PullSecret(t, ns, "regcred", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	cluster.PushPrivate(t, "team/add-header:v1", moduleImage(t, exampleFilter(t)))
	s.Run(t, doctest.Section("defaults"))
}

// selected is a Pod that the AutoWasms of the pages select, with a proxy.
const selected = `apiVersion: v1
kind: Pod
metadata: {name: details, labels: {app: details}}
spec: {containers: [{name: app, image: app.example/details}, {name: istio-proxy, image: proxy.example/istio}]}
`

// TestDocumentedKustomize applies the kustomization of the page after its filter.wasm has changed.
func TestDocumentedKustomize(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	s, _ := cluster.Documented(t, ns)
	s.Masks = []doctest.Mask{doctest.NewMask(`\bexample-filter-[0-9a-z]{10}\b`, "example-filter-HASH")}
	example := filepath.Join(cluster.Checkout, "examples", "manifests", "kustomize")
	for _, name := range []string{"kustomization.yaml", "name-reference.yaml", "autowasm.yaml"} {
		suite.WriteFile(t, s.Dir, name, read(t, filepath.Join(example, name)))
	}
	suite.WriteFile(t, s.Dir, "filter.wasm", wasmtest.Module(wasmtest.Salt("documented kustomize, former")))
	if _, err := cluster.Kubectl(t.Context(), "apply", "-n", ns, "-k", s.Dir); err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, ns, selected)
	changed := wasmtest.Module(wasmtest.Salt("documented kustomize"))
	suite.WriteFile(t, s.Dir, "filter.wasm", changed)
	s.Run(t, doctest.Section("kustomize"))
	cluster.WaitFor(t, ns, "example-filter", suite.Phase(v1alpha1.PhaseSynced), carries(suite.SHA256(changed)))
}

// TestDocumentedReconcile has an AutoWasm reconciled by its annotation.
func TestDocumentedReconcile(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	s, _ := cluster.Documented(t, ns)
	cluster.Apply(t, ns, tutorial.Manifest{URL: cluster.Object(t, "documented-reconcile.wasm", wasmtest.Module())}.String())
	s.Run(t, doctest.Section("reconcile"))
}

// TestDocumentedModule gets a module as a proxy does.
func TestDocumentedModule(t *testing.T) {
	t.Parallel()
	const inPage = "ef6f750a128598cef4f9452c1d6f9d9e331e75e16b0bc57b8cd86e6b970976b7"
	ns := cluster.Namespace(t)
	s, _ := cluster.Documented(t, ns)
	filter := exampleFilter(t)
	cluster.Apply(t, ns, tutorial.Manifest{URL: cluster.Object(t, "documented-module.wasm", filter)}.String())
	cluster.WaitPhase(t, ns, "test", v1alpha1.PhaseSynced)
	s.Stands = append(s.Stands, inPage, suite.SHA256(filter), "http://wasmer.istio-system:8081", cluster.Wasmer().URL)
	s.Run(t, doctest.Section("module"))
}

// TestDocumentedListedSecrets grants wasmer the Secrets of a namespace.
func TestDocumentedListedSecrets(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	s, _ := cluster.Documented(t, ns)
	s.Stands = append(s.Stands, "team-a", ns)
	doctest.Links(t, cluster.Checkout, s.Dir, "manifests")
	s.Run(t, doctest.Section("listed-secrets"))
	if _, err := cluster.Kubectl(t.Context(), "get", "-n", ns, "role/wasmer-secrets", "rolebinding/wasmer-secrets"); err != nil {
		t.Error(err)
	}
}

// TestDocumentedClusters applies an AutoWasm to one cluster after the other, which are two namespaces here.
func TestDocumentedClusters(t *testing.T) {
	t.Parallel()
	one, two := cluster.Namespace(t), cluster.Namespace(t)
	s, _ := cluster.Documented(t, one)
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for name, ns := range map[string]string{"one": one, "two": two} {
		c := config.Contexts[config.CurrentContext].DeepCopy()
		c.Namespace = ns
		config.Contexts[name] = c
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	s.Env = append(s.Env, "KUBECONFIG="+kubeconfig)
	manifest := tutorial.Manifest{URL: cluster.Object(t, "documented-clusters.wasm", wasmtest.Module())}.String()
	suite.WriteFile(t, s.Dir, "aw.yaml", []byte(manifest))
	s.Run(t, doctest.Section("clusters"))
	cluster.WaitPhase(t, two, "test", v1alpha1.PhaseSynced)
}

// TestDocumentedMigration reads a WasmPlugin from the cluster, and has the server check what is made of it.
func TestDocumentedMigration(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	s, _ := cluster.Documented(t, ns)
	s.Stands = append(s.Stands, "NAMESPACE", ns)
	image := cluster.Push(t, "documented/migration:v1", moduleImage(t, wasmtest.Module(wasmtest.Salt("documented migration"))))
	plugin := strings.ReplaceAll(wasmPlugin, "IMAGE", image)
	suite.WriteFile(t, s.Dir, "old.yaml", []byte(plugin))
	cluster.Apply(t, ns, plugin)
	s.Run(t, doctest.Section("migrate-apply"))
}

const wasmPlugin = `apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: old}
spec:
  selector: {matchLabels: {app: details}}
  match: [{mode: SERVER}]
  failStrategy: FAIL_OPEN
  url: oci://IMAGE
`

// carries is passed when an AutoWasm is bound to a module.
func carries(sha256 string) suite.Check {
	return func(aw *v1alpha1.AutoWasm) error {
		if aw.Status.Module == nil || aw.Status.Module.SHA256 != sha256 {
			return fmt.Errorf("its module is %+v, want %s", aw.Status.Module, sha256)
		}
		return nil
	}
}
