// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// TestSettingsAreThoseThatAreRendered: what is tried is what a proxy gets.
func TestSettingsAreThoseThatAreRendered(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.Filter){
		"nothing": func(f *v1alpha1.Filter) { f.RootID, f.VMID = "", "" },
		"ids":     func(f *v1alpha1.Filter) { f.RootID, f.VMID = "root", "vm" },
		"config":  func(f *v1alpha1.Filter) { f.Config = configJSON(`{"b": [1, "<"], "a": null}`) },
		"a text":  func(f *v1alpha1.Filter) { f.Config = configJSON(`"text"`) },
		"null":    func(f *v1alpha1.Filter) { f.Config = configJSON(`null`) },
		"env": func(f *v1alpha1.Filter) {
			f.Env = []v1alpha1.EnvVar{{Name: "Z", Value: "1"}, {Name: "POD", FromHost: true}, {Name: "A", Value: "2"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			aw := edit(change)
			got, err := render.SettingsOf(aw, testModule.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			config := pluginConfigOf(t, rendered(t, aw, testModule, testOptions))
			vm := config["vmConfig"].(map[string]any)
			want := render.Settings{Plugin: pluginOf(t, aw, testModule).Owner, VMID: vm["vmId"].(string)}
			want.RootID, _ = config["rootId"].(string)
			want.Configuration, _ = configurationOf(t, aw).(string)
			if env, ok := vm["environmentVariables"].(map[string]any); ok {
				for key, value := range env["keyValues"].(map[string]any) {
					want.Env = append(want.Env, [2]string{key, value.(string)})
				}
				slices.SortFunc(want.Env, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
				want.HostEnv = []string{env["hostEnvKeys"].([]any)[0].(string)}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rendered (-) and tried (+):\n%s", diff)
			}
		})
	}
	if _, err := render.SettingsOf(edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`{`) }), testModule.SHA256); err == nil {
		t.Error("what is no JSON has settings")
	}
}
