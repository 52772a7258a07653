// SPDX-License-Identifier: Apache-2.0

package istio_test

import (
	"testing"

	"github.com/autowasm/autowasm/internal/istio"
)

func TestPort(t *testing.T) {
	for cluster, want := range map[string]int32{
		"outbound|8081||wasmer.istio-system.svc.cluster.local": 8081, "outbound|x||host": 0, "inbound|8081||": 0, "modules": 0, "": 0,
	} {
		if got := istio.PortOf(cluster); got != want {
			t.Errorf("port of %q: %d, want %d", cluster, got, want)
		}
	}
}

func TestHostAndNamespace(t *testing.T) {
	for host, want := range map[string]string{
		"wasmer.istio-system.svc.cluster.local": "istio-system",
		"wasmer.istio-system.svc.corp":          "istio-system",
		"wasmer.istio-system.svc":               "",
		"modules.example.com":                   "",
		"":                                      "",
	} {
		if got := istio.NamespaceOf(host); got != want {
			t.Errorf("namespace of %q: %q, want %q", host, got, want)
		}
		if got := istio.HostOf("outbound|1||" + host); got != host {
			t.Errorf("host: %q, want %q", got, host)
		}
	}
}
