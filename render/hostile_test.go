// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// userPaths are the places that belong to what a user writes.
var userPaths = regexp.MustCompile(`^(/metadata/(name|namespace|labels/.*|annotations/wasm.tcm.io~(owner|plugin|spec-hash))` +
	`|/spec/workloadSelector/labels/.*` +
	`|/spec/configPatches/0/match/proxy/proxyVersion` +
	`|/spec/configPatches/0/patch/value/name` +
	`|/spec/configPatches/0/patch/value/typedConfig/config/(name|rootId|configuration/value)` +
	`|/spec/configPatches/0/patch/value/typedConfig/config/vmConfig/(vmId|environmentVariables/.*))$`)

// FuzzHostileStrings proves that a user's string stays in its own field: against
// an AutoWasm with harmless strings in the same fields, the output has the same
// paths, and the same values everywhere but in the user's own.
func FuzzHostileStrings(f *testing.F) {
	const injection = `x"}}},"patch":{"operation":"REMOVE"},"@type":"type.googleapis.com/evil"`
	f.Add("details", "root", "vm", "config", "A", "value", "^1")
	f.Add(injection, injection, injection, injection, injection, injection, "")
	f.Add("@type", "@type", "@type", "@type", "@type", "@type", "@type")
	f.Add("", "", "", "", "A", "", "")
	f.Add("a\nb: c", "\x00", "---\n", "\u2028 ", "typeUrl", "\"", ".*")
	f.Add("\xff", "\xfe", "", "", "\xff", "", "")
	f.Fuzz(func(t *testing.T, label, root, vm, config, name, value, version string) {
		hostile := withStrings(label, root, vm, config, name, value, version)
		got, err := leaves(hostile)
		if err != nil {
			return // refused is safe
		}
		want, err := leaves(withStrings(harmless(label), harmless(root), harmless(vm), harmless(config), harmless(name), harmless(value), harmless(version)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("structure changed (-harmless +hostile):\n%s", diff)
		}
	})
}

func harmless(s string) string {
	if s == "" {
		return ""
	}
	return "x"
}

func withStrings(label, root, vm, config, name, value, version string) *v1alpha1.AutoWasm {
	return autoWasm(func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{label: v1alpha1.LabelValue(label)}
		f := &aw.Spec.Filter
		f.RootID, f.VMID, f.ProxyVersion = root, vm, version
		raw, err := json.Marshal(config)
		if err == nil && config != "" {
			f.Config = configJSON(string(raw))
		}
		f.Env = []v1alpha1.EnvVar{{Name: name, Value: value}, {Name: name + "H", FromHost: true}}
	})
}

// leaves maps each path of the output to its value, with users' keys and values
// blanked.
func leaves(aw *v1alpha1.AutoWasm) (map[string]string, error) {
	u, err := render.EnvoyFilter(aw, testModule, testOptions)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	walk("", u.Object, out)
	return out, nil
}

func walk(path string, value any, out map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			if strings.HasSuffix(path, "/keyValues") || strings.HasSuffix(path, "workloadSelector/labels") {
				key = "*"
			}
			walk(path+"/"+strings.ReplaceAll(key, "/", "~"), child, out)
		}
	case []any:
		for i, child := range value {
			walk(fmt.Sprintf("%s/%d", path, i), child, out)
		}
	default:
		if userPaths.MatchString(path) {
			value = "*"
		}
		out[path] = fmt.Sprint(value)
	}
}
