// SPDX-License-Identifier: Apache-2.0

package tutorial

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The manifests as the tutorial prints them.
const (
	registry = `apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata:
  name: test
  namespace: default
spec:
  filter:
    applyPorts:
      - 9080
    rootID: test
    source:
      registry:
        image: ccr.ccs.tencentyun.com/{Your image registry}/wasm-add-header:v0.3
    vmID: test
  secret: test # Image registry's secret
  selector:
    matchLabels:
      app: details
`
	object = `apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata:
  name: test
  namespace: default
spec:
  filter:
    applyPorts:
      - 9080
    rootID: test
    source:
      object:
        url: https://aaaa.com/bbb
    vmID: test
  selector:
    matchLabels:
      app: details
`
)

func TestManifests(t *testing.T) {
	for want, m := range map[string]Manifest{
		registry: {Namespace: "default", Image: "ccr.ccs.tencentyun.com/{Your image registry}/wasm-add-header:v0.3", Secret: "test"},
		object:   {Namespace: "default", URL: "https://aaaa.com/bbb"},
	} {
		if diff := cmp.Diff(want, m.String()); diff != "" {
			t.Error(diff)
		}
	}
}
