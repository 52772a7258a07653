// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"strings"
	"testing"
)

// mounting is a Deployment whose annotations are given.
func mounting(name, volume, mount string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s, namespace: b}, spec: {template: {metadata: {labels: {app: %s},
  annotations: {sidecar.istio.io/userVolume: '%s', sidecar.istio.io/userVolumeMount: '%s'}}}}}`, name, name, volume, mount)
}

const (
	oneVolume = `[{"name":"v","configMap":{"name":"c"}}]`
	oneMount  = `[{"name":"v","mountPath":"/filters"}]`
)

func TestMounts(t *testing.T) {
	file := func(name string) string { return filter(`vm_config: {code: {local: {filename: ` + name + `}}}`) }
	configMap := "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: b}, %s: {a.wasm: AA==}}"
	tests := []struct {
		name  string
		input []string
		want  string // "<name>/<key>" of the ConfigMap, or part of a note
	}{
		{"a list", []string{file("/filters/a.wasm"), mounting("d", oneVolume, oneMount)}, "c/a.wasm"},
		{"an object", []string{file("/filters/a.wasm"), mounting("d", `{"v":{"configMap":{"name":"c"}}}`, `{"v":{"mountPath":"/filters/"}}`)}, "c/a.wasm"},
		{"one key as a file", []string{file("/opt/x.wasm"), mounting("d", oneVolume, `[{"name":"v","mountPath":"/opt/x.wasm","subPath":"a.wasm"}]`)}, "c/a.wasm"},
		{"a path of a key", []string{file("/filters/v1/x"), mounting("d", `[{"name":"v","configMap":{"name":"c","items":[{"key":"a","path":"v1/x"}]}}]`, oneMount)}, "c/a"},
		{"the ConfigMap as well", []string{file("/filters/a.wasm"), mounting("d", oneVolume, oneMount), fmt.Sprintf(configMap, "binaryData")}, "c/a.wasm"},
		{"two workloads with one", []string{file("/filters/a.wasm"), mounting("d", oneVolume, oneMount), mounting("e", oneVolume, oneMount)}, "c/a.wasm"},
		{"two workloads with two", []string{file("/filters/a.wasm"), mounting("d", oneVolume, oneMount), mounting("e", strings.ReplaceAll(oneVolume, "c\"}", "other\"}"), oneMount)},
			"have the file from two ConfigMaps, c and other"},
		{"text in the ConfigMap", []string{file("/filters/a.wasm"), mounting("d", oneVolume, oneMount), fmt.Sprintf(configMap, "data")}, "binaryData of ConfigMap c has no key a.wasm"},
		{"another directory", []string{file("/filters2/a.wasm"), mounting("d", oneVolume, oneMount)}, "is a file of each proxy"},
		{"a directory of the host", []string{file("/filters/a.wasm"), mounting("d", `[{"name":"v","hostPath":{"path":"/x"}}]`, oneMount)}, "from a volume that is no ConfigMap"},
		{"an annotation that is no JSON", []string{file("/filters/a.wasm"), mounting("d", "x", oneMount)}, "userVolume] is neither a list nor an object"},
		{"another namespace", []string{file("/filters/a.wasm"), strings.ReplaceAll(mounting("d", oneVolume, oneMount), "namespace: b", "namespace: c")}, "is a file of each proxy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := Objects(objectsIn(t, strings.Join(tt.input, "\n---\n")), testOptions)
			got := fmt.Sprint(result.Notes)
			if len(result.Migrated) == 1 {
				source := result.Migrated[0].AutoWasm.Spec.Filter.Source.ConfigMap
				got = source.Name + "/" + source.Key
				if len(result.Skipped) > 0 {
					t.Errorf("skipped %v", result.Skipped)
				}
			}
			if got != tt.want && !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
