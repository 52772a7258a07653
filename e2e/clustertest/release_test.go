//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/e2e/image"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
	"github.com/autowasm/autowasm/internal/doctest"
)

// kept is what an uninstall leaves: the CRD, and the API server's entry for it.
var kept = []string{
	"apiservices.apiregistration.k8s.io /v1alpha1.wasm.tcm.io", "customresourcedefinitions.apiextensions.k8s.io /autowasms.wasm.tcm.io",
}

// TestRelease uninstalls wasmer, installs the chart and the wasmer of an earlier commit, upgrades them from a registry and
// rolls back. AutoWasms and what runs survive all of that, and admissions go on during upgrade and rollback. An uninstall
// in the documented order leaves nothing.
func TestRelease(t *testing.T) {
	r := newReleaseTest(t)
	r.do("uninstall", func() error { return r.helm("uninstall", release) })
	leaves := slices.DeleteFunc(r.left(), func(o string) bool { return strings.HasPrefix(o, "pods ") }) // they end
	if diff := cmp.Diff(kept, leaves); diff != "" {
		t.Errorf("an uninstall leaves (-documented +left):\n%s", diff)
	}
	former, formerImage := r.previousChart(), r.previousImage()
	r.do("install of the earlier commit", func() error {
		return changeRelease(t.Context(), "install", release, former, values(), "--set="+formerImage)
	})

	published := r.publish()
	l := startLoad(t, r.namespace, r.image)
	r.do("upgrade", func() error {
		return changeRelease(t.Context(), "upgrade", release, published, "--plain-http", "--reset-values", values())
	})
	if got := shortNames(t); got != `["aw"]` {
		t.Errorf("the upgrade has not changed the CRD: its short names are %s", got)
	}
	r.do("rollback", func() error { return changeRelease(t.Context(), "rollback", release, "1") })
	l.stop(t, 0)
	if got := shortNames(t); got != "" {
		t.Errorf("the rollback has not changed the CRD back: its short names are %s", got)
	}

	user := documentedShell(t, "default")
	user.Run(t, doctest.Section("helm-uninstall"))
	suite.Eventually(t, func(context.Context) error {
		if left := r.left(); len(left) > 0 {
			return fmt.Errorf("after all is deleted there are left\n%s", strings.Join(left, "\n"))
		}
		return nil
	})
	followInstalls(t)
}

// A releaseTest has an application whose sidecars run the tutorial's filter.
type releaseTest struct {
	*testing.T
	namespace, image string
	inForce          string
}

// newReleaseTest starts the application. wasmer of this checkout is there again when the test is over.
func newReleaseTest(t *testing.T) *releaseTest {
	t.Cleanup(func() { restoreWasmer(t) })
	r := &releaseTest{T: t, namespace: newNamespace(t, "release")}
	startApp(t, r.namespace)
	r.image = push(t, "release/wasm-add-header")
	apply(t, r.namespace, tutorial.Manifest{Image: r.image}.String())
	kubectl(t, "wait", "autowasm/test", "-n", r.namespace, "--for=condition=Ready", suite.TimeoutFlag)
	suite.Eventually(t, func(context.Context) error { return askWithFilter(t, r.namespace) })
	r.inForce = r.state()
	return r
}

// state is what must stay the same: the AutoWasm and its EnvoyFilter, which nobody writes.
func (r *releaseTest) state() string {
	r.Helper()
	return kubectl(r, "get", "autowasm/test", "envoyfilter/test", "-n", r.namespace,
		"-o=jsonpath={range .items[*]}{.kind} {.metadata.uid} {.metadata.generation}{\"\\n\"}{end}")
}

// do does something while the application is used. All requests have to go through the filter, and what is in force has
// to stay.
func (r *releaseTest) do(what string, do func() error) {
	r.Helper()
	began, w := time.Now(), startWatch(r, r.namespace)
	if err := do(); err != nil {
		r.Fatalf("%s: %v", what, err)
	}
	r.Logf("%s took %s", what, time.Since(began).Round(100*time.Millisecond))
	w.stop(r)
	if diff := cmp.Diff(r.inForce, r.state()); diff != "" {
		r.Errorf("%s (-before +after):\n%s", what, diff)
	}
}

func (r *releaseTest) helm(args ...string) error {
	_, err := helm.Run(r.Context(), append(args, "--namespace="+wasmerNamespace)...)
	return err
}

func (r *releaseTest) left() []string {
	r.Helper()
	left, err := left(r.Context(), r.namespace)
	if err != nil {
		r.Fatal(err)
	}
	return left
}

// previousChart is a copy of the earlier commit's chart with a CRD that lacks the short name.
func (r *releaseTest) previousChart() string {
	dir := filepath.Join(r.TempDir(), "wasmer")
	if err := os.CopyFS(dir, os.DirFS(previous(r, "manifests/charts/wasmer"))); err != nil {
		r.Fatal(err)
	}
	file := filepath.Join(dir, "files", "crd.yaml")
	text := read(r, file)
	const names = "    shortNames:\n    - aw\n"
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), names, "", 1)), 0o644); err != nil {
		r.Fatal(err)
	}
	return dir
}

// previousImage pushes an image of the earlier commit's wasmer and returns the values that name it.
func (r *releaseTest) previousImage() string {
	img, err := image.New(image.Config{Entrypoint: []string{"/wasmer"}, User: "65532:65532"},
		[]image.File{image.Program("/wasmer", previous(r, "bin/wasmer"))})
	if err != nil {
		r.Fatal(err)
	}
	repository := variable(r, "REGISTRY") + "/previous/wasmer"
	tag, err := name.NewTag(repository+":v0", name.Insecure)
	if err != nil {
		r.Fatal(err)
	}
	if err := remote.Write(tag, img, remote.WithContext(r.Context())); err != nil {
		r.Fatal(err)
	}
	return "image.repository=" + repository + ",image.tag=v0,image.digest="
}

// publish pushes this checkout's chart and returns where it is.
func (r *releaseTest) publish() string {
	dir, err := chartDir()
	if err != nil {
		r.Fatal(err)
	}
	packed := r.TempDir()
	runHelm(r, "package", dir, "--destination="+packed)
	files, err := filepath.Glob(filepath.Join(packed, "*.tgz"))
	if err != nil || len(files) != 1 {
		r.Fatalf("helm package made %q, %v", files, err)
	}
	charts := "oci://" + variable(r, "REGISTRY") + "/charts"
	runHelm(r, "push", files[0], charts, "--plain-http")
	return charts + "/wasmer"
}

func shortNames(t testing.TB) string {
	t.Helper()
	return kubectl(t, "get", "crd", "autowasms.wasm.tcm.io", "-o=jsonpath={.spec.names.shortNames}")
}
