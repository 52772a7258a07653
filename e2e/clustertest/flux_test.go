//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

// A flux is Flux's controllers, beside the cluster's nodes, and a directory of manifests that they sync from the registry.
type flux struct {
	dir       string // where a user works, with the manifests in shop
	path      string // has the command flux
	kustomize *program
	revision  int
}

// fluxNamespace is where Flux's own objects are.
const fluxNamespace = "flux-system"

// startFlux starts the controllers. All that they and the test made is gone after the test.
func startFlux(t *testing.T) *flux {
	t.Helper()
	f := &flux{dir: t.TempDir(), path: t.TempDir(), revision: 100}
	suite.Link(t, partPath(t, build.Flux), filepath.Join(f.path, "flux"))
	installFlux(t)
	source := newProgram(t, build.SourceController, "127.0.0.1:9411", fluxController("source-controller", "127.0.0.1:9411",
		"--storage-path="+t.TempDir(), "--storage-addr=127.0.0.1:9413", "--storage-adv-addr=127.0.0.1:9413"))
	f.kustomize = newProgram(t, build.KustomizeController, "127.0.0.1:9412", fluxController("kustomize-controller", "127.0.0.1:9412",
		"--requeue-dependency=1s", "--concurrent=8")) // two wait all the time
	source.start(t)
	f.kustomize.start(t)
	t.Cleanup(func() { removeKustomizations(t) }) // while the controller prunes
	return f
}

func fluxController(name, health string, args ...string) process.Command {
	return process.Command{
		Name: name, Args: append([]string{"--health-addr=" + health, "--metrics-addr=0", "--log-level=info"}, args...),
		Env: []string{"KUBECONFIG=" + os.Getenv("KUBECONFIG"), "RUNTIME_NAMESPACE=" + fluxNamespace},
	}
}

// installFlux installs the CRDs of the controllers' modules.
func installFlux(t *testing.T) {
	t.Helper()
	var files []string
	for _, module := range []string{"github.com/fluxcd/source-controller", "github.com/fluxcd/kustomize-controller"} {
		dir, err := build.ModuleDir(t.Context(), inCheckout(t, "e2e", build.Flux.Name), module)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, "-f", filepath.Join(dir, "config", "crd", "bases"))
	}
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		for _, args := range [][]string{{"delete", "namespace", fluxNamespace}, append([]string{"delete"}, files...)} {
			if _, err := runKubectl(ctx, "", args...); err != nil {
				t.Error(err)
			}
		}
	})
	applyCRDs(t, files...)
	kubectl(t, "create", "namespace", fluxNamespace)
}

// removeKustomizations has what they applied pruned.
func removeKustomizations(t *testing.T) {
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if t.Failed() {
		for _, args := range [][]string{{"get", "kustomizations,ocirepositories", "-n", fluxNamespace, "-o", "yaml"}, {"get", "events", "-n", fluxNamespace}} {
			out, err := runKubectl(ctx, "", args...)
			t.Log(out, err)
		}
		t.Log(describe(ctx, "shop"))
	}
	if _, err := runKubectl(ctx, "", "delete", "kustomizations,ocirepositories", "--all", "-n", fluxNamespace); err != nil {
		t.Error(err)
	}
}

// push pushes the manifests as another revision and has the source take it.
func (f *flux) push(t *testing.T) {
	t.Helper()
	f.pushTo(t, "shop")
	f.reconcile(t, "ocirepository/shop")
}

// pushTo pushes the manifests of a directory to the repository of that name.
func (f *flux) pushTo(t *testing.T, name string) {
	t.Helper()
	f.revision++
	cmd := exec.CommandContext(t.Context(), filepath.Join(f.path, "flux"), "push", "artifact", "oci://"+variable(t, "REGISTRY")+"/"+name+":main",
		"--path="+name, "--source=shop", fmt.Sprintf("--revision=main@sha1:%d", f.revision), "--insecure-registry")
	cmd.Dir = f.dir
	if _, err := process.Output(cmd); err != nil {
		t.Fatal(err)
	}
}

// reconcile has Flux reconcile an object now, and waits until it has begun to.
func (f *flux) reconcile(t *testing.T, object string) {
	t.Helper()
	now := time.Now().Format(time.RFC3339Nano)
	kubectl(t, "annotate", object, "-n", fluxNamespace, "--overwrite", "reconcile.fluxcd.io/requestedAt="+now)
	kubectl(t, "wait", object, "-n", fluxNamespace, "--for=jsonpath={.status.lastHandledReconcileAt}="+now, suite.TimeoutFlag)
}

// write writes a file of the manifests; without content it removes it.
func (f *flux) write(t *testing.T, path, content string) {
	t.Helper()
	if content == "" {
		if err := os.Remove(filepath.Join(f.dir, path)); err != nil {
			t.Fatal(err)
		}
		return
	}
	suite.WriteFile(t, f.dir, path, []byte(os.ExpandEnv(content)))
}

// A kustomization is what is read of one.
type kustomization struct {
	Status struct {
		LastAppliedRevision, LastAttemptedRevision string
		Conditions                                 []struct{ Type, Status, Message string }
	}
}

// await waits until a Kustomization has tried the last revision that was pushed, and its condition Ready, which flux get
// prints, has a status and a message with all words.
func (f *flux) await(t *testing.T, name, status string, words ...string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		revision, err := runKubectl(ctx, "", "get", "ocirepository", "shop", "-n", fluxNamespace, "-o=jsonpath={.status.artifact.revision}")
		if err != nil {
			return err
		}
		var k kustomization
		if err := getJSON(ctx, &k, "kustomization", name, "-n", fluxNamespace); err != nil {
			return err
		}
		got, message := k.ready()
		if k.Status.LastAttemptedRevision != revision || got != status || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(message, w) }) {
			return fmt.Errorf("Kustomization %s is Ready=%s of revision %s, not %s of %s: %s", name, got, k.Status.LastAttemptedRevision, status, revision, message)
		}
		return nil
	})
}

// prints waits until flux get prints a message with all words of a Kustomization.
func (f *flux) prints(t *testing.T, name string, words ...string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		var k kustomization
		if err := getJSON(ctx, &k, "kustomization", name, "-n", fluxNamespace); err != nil {
			return err
		}
		_, message := k.ready()
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(message, w) }) {
			return fmt.Errorf("Kustomization %s has the message %q, not one with %q", name, message, words)
		}
		return nil
	})
}

func (k kustomization) ready() (status, message string) {
	for _, c := range k.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status, c.Message
		}
	}
	return "", ""
}
