//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// followInstalls runs the documented ways to install, upgrade and uninstall wasmer on a cluster that has none of it, and
// what operators do with it that would disturb other tests. wasmer is installed as for them when it returns.
func followInstalls(t *testing.T) {
	user := documentedShell(t, "default")
	if err := os.CopyFS(filepath.Join(user.Dir, "manifests"), os.DirFS(inCheckout(t, "manifests"))); err != nil {
		t.Fatal(err)
	}
	// The cluster's registry speaks plain HTTP.
	charts := "oci://" + variable(t, "REGISTRY") + "/charts"
	user.Stands = append([]string{
		"oci://registry.example/charts/wasmer", charts + "/wasmer --plain-http", "oci://registry.example/charts", charts + " --plain-http",
	}, user.Stands...)
	pushWasmer(t, "autowasm/wasmer:v0.1.0")
	run := func(section doctest.Section) {
		t.Helper()
		began := time.Now()
		user.Run(t, section)
		t.Logf("%s took %s", section, time.Since(began).Round(100*time.Millisecond))
	}
	uninstall := func() { runHelm(t, "uninstall", release) }

	run(doctest.Section("helm-install"))
	run(doctest.Section("helm-upgrade"))
	run(doctest.Section("helm-rollback"))
	uninstall()

	useImage(t, user)
	run(doctest.Section("manifests-install"))
	run(doctest.Section("manifests-upgrade"))
	run(doctest.Section("emergency-exit"))
	waitForCABundles(t)
	run(doctest.Section("rotation"))
	waitForCABundles(t)
	run(doctest.Section("manifests-uninstall"))

	suite.WriteFile(t, user.Dir, "values.yaml", read(t, variable(t, "AUTOWASM_VALUES")))
	run(doctest.Section("helm-registry"))
	uninstall()

	writeClusterEnv(t, user)
	run(doctest.Section("cluster"))
}

// pushWasmer pushes the image of this checkout's wasmer once more, under the name that make image would have.
func pushWasmer(t *testing.T, as string) {
	t.Helper()
	var values struct {
		Image struct{ Repository, Tag, Digest string }
	}
	if err := yaml.Unmarshal(read(t, variable(t, "AUTOWASM_VALUES")), &values); err != nil {
		t.Fatal(err)
	}
	from := values.Image.Repository + ":" + values.Image.Tag
	if values.Image.Digest != "" {
		from = values.Image.Repository + "@" + values.Image.Digest
	}
	if err := copyImage(t.Context(), from, variable(t, "REGISTRY")+"/"+as); err != nil {
		t.Fatal(err)
	}
}

// useImage puts the image's name under images in manifests/kustomization.yaml, as the page says.
func useImage(t *testing.T, user doctest.Shell) {
	t.Helper()
	path := filepath.Join(user.Dir, "manifests", "kustomization.yaml")
	text := string(read(t, path))
	const key = "newName: registry.example/"
	changed := strings.Replace(text, key, "newName: "+variable(t, "REGISTRY")+"/", 1)
	if changed == text {
		t.Fatalf("%s has no %s", path, key)
	}
	suite.WriteFile(t, user.Dir, "manifests/kustomization.yaml", []byte(changed))
}

// waitForCABundles waits until wasmer has written the caBundle into both webhook configurations.
func waitForCABundles(t *testing.T) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		for _, kind := range []string{"mutatingwebhookconfiguration", "validatingwebhookconfiguration"} {
			bundle, err := runKubectl(ctx, "", "get", kind, "wasmer", "-o=jsonpath={.webhooks[0].clientConfig.caBundle}")
			if err == nil && bundle == "" {
				err = errors.New("the " + kind + " has no caBundle yet")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// writeClusterEnv writes what make cluster writes, for this cluster.
func writeClusterEnv(t *testing.T, user doctest.Shell) {
	t.Helper()
	var variables []env.Variable
	for _, name := range []string{"KUBECONFIG", "REGISTRY", "APP_IMAGE", "AUTOWASM_VALUES", "GATEWAY_URL"} {
		variables = append(variables, env.Variable{Name: name, Value: variable(t, name)})
	}
	suite.WriteFile(t, user.Dir, ".local/cluster/env", nil)
	if err := env.WriteVariables(filepath.Join(user.Dir, ".local", "cluster", "env"), variables); err != nil {
		t.Fatal(err)
	}
	doctest.Command(t, filepath.Join(user.Dir, "commands"), "cluster-enter", `exec "$@"`) // this is in the cluster's network already
}
