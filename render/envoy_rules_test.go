// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
)

// TestEnvoysRules feeds what istiod would admit and every proxy would refuse: no
// sha256, no timeout, no address.
func TestEnvoysRules(t *testing.T) {
	message := &filterv3.Wasm{Config: &wasmv3.PluginConfig{
		Vm: &wasmv3.PluginConfig_VmConfig{VmConfig: &wasmv3.VmConfig{
			Code: &corev3.AsyncDataSource{Specifier: &corev3.AsyncDataSource_Remote{
				Remote: &corev3.RemoteDataSource{HttpUri: &corev3.HttpUri{}},
			}},
		}},
	}}
	_, err := typedStruct(message)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"RemoteDataSource.Sha256", "HttpUri.Uri", "HttpUri.Timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
}

// TestEveryWordIsKnown fails when the API grows a word for which nothing is
// rendered: a missing entry would silently become Istio's or Envoy's zero value.
func TestEveryWordIsKnown(t *testing.T) {
	if len(patchContexts) != 4 || len(failurePolicies) != 4 {
		t.Errorf("%d contexts and %d failure policies, want 4 and 4", len(patchContexts), len(failurePolicies))
	}
}
