// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// versions are those that istiod knows.
type versions map[string]string

func (v versions) Known(context.Context) (all, untested map[string]string) {
	untested = maps.Clone(v)
	maps.DeleteFunc(untested, func(_, version string) bool { return !istio.IsUntested(version) })
	return v, untested
}

// podOfImage is a Pod of app=details in a namespace, with a proxy of that image.
func podOfImage(namespace, name, image string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {namespace: %s, name: %s, labels: {app: details}},
		spec: {containers: [{name: app, image: "x/proxyv2:1.10.0"}, {name: istio-proxy, image: %q}]}}`, namespace, name, image)
}

func TestLoadUntested(t *testing.T) {
	const gateway = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: gateway, labels: {app: details}}, spec: {containers: [{name: istio-proxy}]}}`
	const bare = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: bare, labels: {app: details}}, spec: {containers: [{name: app}]}}`
	known := versions{
		"shop/details-1": "1.28.3", "shop/other": "1.28.3", "shop/details-0": "1.31.0", "shop/gone": "1.28.3", "shop/gateway": "1.27.0",
		"shop/done": "1.28.3", "shop/leaving": "1.28.3", "shop/bare": "1.28.3", "bank/details": "1.30.0", "shop/late": "", "nothing": "1.28.3",
	}
	pods := []string{
		detailsPod, otherPod, finishedPod, leavingPod, gateway, bare, podOfImage("bank", "details", "istio/proxyv2:1.31.0"),
		podOfImage("shop", "details-0", "istio/proxyv2:1.28.3"), podOfImage("shop", "late", "reg.example/mirror/proxyv2:1.29.0-distroless"),
		podOfImage("shop", "unknown", "istio/proxyv2:1.30.1"), podOfImage("shop", "fine", "istio/proxyv2:1.32.1"),
	}
	meshWide := autoWasm("")
	meshWide.Namespace = "istio-system"
	of := func(all ...string) (found []Proxy) {
		for _, one := range all {
			name, version, _ := strings.Cut(one, " ")
			namespace, name, _ := strings.Cut(name, "/")
			found = append(found, Proxy{types.NamespacedName{Namespace: namespace, Name: name}, version})
		}
		return found
	}
	for name, tt := range map[string]struct {
		aw    *v1alpha1.AutoWasm
		known Versions
		mode  Untested
		want  []Proxy
	}{
		"of a namespace":            {autoWasm(""), known, "", of("shop/details-1 1.28.3", "shop/late 1.29.0", "shop/unknown 1.30.1")},
		"of the whole mesh":         {meshWide, known, "", of("bank/details 1.30.0", "shop/details-1 1.28.3", "shop/late 1.29.0", "shop/unknown 1.30.1")},
		"gateways":                  {autoWasm(v1alpha1.Gateway), known, "", of("shop/gateway 1.27.0")},
		"istiod is away":            {autoWasm(""), versions{}, "", of("shop/details-0 1.28.3", "shop/late 1.29.0", "shop/unknown 1.30.1")},
		"there is none":             {autoWasm(""), nil, RefuseUntested, of("shop/details-0 1.28.3", "shop/late 1.29.0", "shop/unknown 1.30.1")},
		"it is not to be asked for": {autoWasm(""), known, AllowUntested, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := loader(t, everyKind(), pods...)
			l.Versions, l.UntestedProxies = tt.known, tt.mode
			got, err := l.Load(t.Context(), tt.aw)
			if diff := cmp.Diff(tt.want, got.Untested); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestUntestedAmongMany: a proxy that istiod knows is found however many Pods are selected.
func TestUntestedAmongMany(t *testing.T) {
	l := loader(t, everyKind(), detailsPod)
	l.Reader, l.Versions = manyPods{Reader: l.Reader, n: maxWorkloads}, versions{"shop/details-1": "1.28.3"}
	got, err := l.Load(t.Context(), autoWasm(""))
	if err != nil || len(got.Untested) != 1 {
		t.Errorf("untested %v, %v", got.Untested, err)
	}
}

func TestImageVersion(t *testing.T) {
	for image, want := range map[string]string{
		"docker.io/istio/proxyv2:1.28.1": "1.28.1", "gcr.io/istio-release/proxyv2:1.31.0-distroless": "1.31.0", "h:5000/m/proxyv2:1.28.1-debug": "1.28.1",
		"istio/proxyv2:1.28.1@sha256:0123456789abcdef": "1.28.1",
		"": "", "auto": "", "istio/proxyv2": "", "istio/proxyv2:latest": "", "istio/proxyv2@sha256:01": "", "own/envoy:1.28.1": "", "own/myproxyv2:1.28.1": "",
		"istio/proxyv2:1.28.1-rc.0": "", "istio/proxyv2:1.4.1": "", "istio/proxyv2:2.10.1": "", "istio/proxyv2:1.28": "",
	} {
		if got := imageVersion(image); got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
	}
}

// silent is istiod while it does not answer.
type silent struct{}

func (silent) Known(ctx context.Context) (all, untested map[string]string) {
	<-ctx.Done()
	return nil, nil
}

// TestNobodyWaitsForIstiod: a preflight has a fraction of a second for it.
func TestNobodyWaitsForIstiod(t *testing.T) {
	l := loader(t, everyKind(), detailsPod)
	l.Versions = silent{}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if _, err := l.Load(t.Context(), autoWasm("")); err != nil || time.Since(began) != versionsTimeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
