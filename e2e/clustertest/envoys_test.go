//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/image"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestOtherEnvoys: proxies whose Envoy is outside of the tested range are named at apply. Those of 1.36 run the filter in
// the end, be it that their processor has them die of it first. Those that were compiled without V8 do not, and the status
// says so until they are replaced.
func TestOtherEnvoys(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "envoys")
	proxy := kubectl(t, "get", "pods", "-A", "-l", "istio=ingressgateway", `-o=jsonpath={.items[0].spec.containers[?(@.name=="istio-proxy")].image}`)
	startApp(t, ns, proxyImage(pushProxy(t, proxy, envoy.Crashing, "envoys/old")), istioVersion("1.28.3"))
	requireWarning(t, ns, "a first Wasm filter can crash Istio 1.28; exclude it by proxyVersion '^1\\.3[12]\\.': Pods details-")
	apply(t, ns, tutorial.Manifest{Image: push(t, "envoys/wasm-add-header")}.String())
	requireProxies(t, ns, "test", 2)
	suite.Eventually(t, func(context.Context) error { return askWithFilter(t, ns) })

	startApp(t, ns, proxyImage(pushProxy(t, proxy, envoy.WithoutV8, "envoys/without-v8")), istioVersion("1.30.4"))
	requireWarning(t, ns, "AutoWasm is not tested on Istio 1.30; exclude it by proxyVersion '^1\\.3[12]\\.': Pods details-")
	kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=jsonpath={.status.phase}=Failed", suite.TimeoutFlag)
	requireWithoutEngine(t, ns)

	startApp(t, ns)
	requireProxies(t, ns, "test", 2)
	requireFilterInNewPods(t, ns)
}

// requireWithoutEngine waits until the status and the answers are those of proxies that cannot run a module.
func requireWithoutEngine(t testing.TB, namespace string) {
	t.Helper()
	want := "ProxyStartFailed, 0 of 2 selected proxies run the module; the proxy of Pod " + namespace + "/details-"
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := runKubectl(ctx, "", "get", "autowasm/test", "-n", namespace,
			`-o=jsonpath={range .status.conditions[?(@.type=="Ready")]}{.reason}, {.message}{end}`)
		if err == nil && (!strings.HasPrefix(got, want) || !strings.Contains(got, "or this Envoy cannot run it")) {
			err = fmt.Errorf("the status is %q", got)
		}
		return err
	})
	if a, err := ask(t, namespace, "http://details:9080/"); !strings.HasPrefix(a.status, "503") {
		t.Errorf("the answer is %q, %v, want 503", a.status, err)
	}
}

// proxyImage has istiod's injector take an image for the sidecar of a Pod.
func proxyImage(reference string) string {
	return fmt.Sprintf("sidecar.istio.io/proxyImage: %q", reference)
}

// istioVersion has a proxy tell istiod that it is of a version.
func istioVersion(version string) string {
	return fmt.Sprintf(`proxy.istio.io/config: "{proxyMetadata: {ISTIO_META_ISTIO_VERSION: %s}}"`, version)
}

// pushProxy pushes the image of a proxy with another Envoy in it and returns its reference.
func pushProxy(t testing.TB, reference string, v envoy.Version, repository string) string {
	t.Helper()
	to := variable(t, "REGISTRY") + "/" + repository + ":dev"
	if err := replaceEnvoy(t.Context(), reference, v, to); err != nil {
		t.Fatalf("make a proxy with Envoy %s out of %s: %v", v, reference, err)
	}
	return to
}

// replaceEnvoy takes the Envoy from the cache: from where the tests run nothing can be downloaded.
func replaceEnvoy(ctx context.Context, from string, v envoy.Version, to string) error {
	b, err := build.NewBuilder("", "", os.Stderr)
	if err != nil {
		return err
	}
	binary, err := envoy.Pinned(ctx, b.Downloads(), v)
	if err != nil {
		return err
	}
	return copyImage(ctx, from, to, image.Program("/usr/local/bin/envoy", binary))
}

// copyImage pushes an image under another name, with files on top of its own if there are any.
func copyImage(ctx context.Context, from, to string, files ...image.File) error {
	source, err := name.ParseReference(from, name.Insecure)
	if err != nil {
		return err
	}
	img, err := remote.Image(source, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	if len(files) > 0 {
		if img, err = image.Append(img, files); err != nil {
			return err
		}
	}
	target, err := name.ParseReference(to, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(target, img, remote.WithContext(ctx))
}
