// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// pluginOf renders and returns the plugin, which the annotation and the filter must
// agree on.
func pluginOf(t *testing.T, aw *v1alpha1.AutoWasm, m render.Module) render.Plugin {
	t.Helper()
	ef := rendered(t, aw, m, testOptions)
	plugin := render.PluginOf(ef)
	if name := pluginConfigOf(t, ef)["name"]; name != plugin.String() {
		t.Errorf("the filter's plugin is %q, the annotation says %q", name, plugin)
	}
	return plugin
}

var pluginPattern = regexp.MustCompile(`^autowasm\.default\.test\.[0-9a-f]{8}\.[0-9a-f]{8}$`)

// TestPluginTellsConfigurationsApart: whatever a proxy must load again gives the
// plugin another revision, and what does not concern the plugin leaves it alone.
func TestPluginTellsConfigurationsApart(t *testing.T) {
	before := pluginOf(t, autoWasm(), testModule)
	if !pluginPattern.MatchString(before.String()) {
		t.Errorf("named %q", before)
	}
	tests := map[string]struct {
		aw               *v1alpha1.AutoWasm
		module           render.Module
		sameVM, sameName bool
	}{
		"nothing":    {autoWasm(), testModule, true, true},
		"ports":      {edit(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{1} }), testModule, true, true},
		"priority":   {edit(func(f *v1alpha1.Filter) { f.Priority = new(int32(7)) }), testModule, true, true},
		"config":     {edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`"other"`) }), testModule, true, false},
		"policy":     {edit(func(f *v1alpha1.Filter) { f.FailurePolicy = v1alpha1.FailOpen }), testModule, true, false},
		"generation": {autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Generation = 2 }), testModule, true, false},
		"uid":        {autoWasm(func(aw *v1alpha1.AutoWasm) { aw.UID = "705ab4f5" }), testModule, true, false},
		"reload":     {autoWasm(), render.Module{SHA256: tutorialSHA256, Reload: 1}, true, false},
		"module":     {autoWasm(), render.Module{SHA256: strings.Repeat("ab", 32)}, false, false},
		"env":        {edit(func(f *v1alpha1.Filter) { f.Env = []v1alpha1.EnvVar{{Name: "A"}} }), testModule, false, false},
	}
	for name, tt := range tests {
		after := pluginOf(t, tt.aw, tt.module)
		if (after.VM == before.VM) != tt.sameVM || (after == before) != tt.sameName {
			t.Errorf("%s: %q before, %q after", name, before, after)
		}
	}
}

// TestPluginsOfTwoThatLookAlike: a proxy writes the dots and dashes of a name alike.
func TestPluginsOfTwoThatLookAlike(t *testing.T) {
	named := func(namespace, name string) render.Plugin {
		return pluginOf(t, autoWasm(func(aw *v1alpha1.AutoWasm) {
			aw.Namespace, aw.Name, aw.Spec.Filter.VMID = namespace, name, "shared"
		}), testModule)
	}
	one, two := named("a", "b-c"), named("a-b", "c")
	if one.VM != two.VM || one.Revision == two.Revision {
		t.Errorf("%q and %q", one, two)
	}
}

func TestReloadRoundTrip(t *testing.T) {
	for _, count := range []uint32{0, 1, 4294967295} {
		ef := rendered(t, autoWasm(), render.Module{SHA256: tutorialSHA256, Reload: count}, testOptions)
		if got := render.ReloadOf(ef); got != count {
			t.Errorf("got %d, want %d", got, count)
		}
		if _, ok := ef.GetAnnotations()[v1alpha1.AnnotationReload]; ok != (count > 0) {
			t.Errorf("%d: %v", count, ef.GetAnnotations())
		}
	}
}

func TestPluginEditedByHand(t *testing.T) {
	for _, name := range []string{"", "a", "a.b", "a.b.c", "autowasm.a.b.12345678.1234567", "12345678.12345678"} {
		ef := &metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationPlugin: name, v1alpha1.AnnotationReload: name}}
		if got := render.PluginOf(ef); got != (render.Plugin{}) || render.ReloadOf(ef) != 0 {
			t.Errorf("%q: %+v", name, got)
		}
	}
	dotted := &metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationPlugin: "autowasm.ns.a.b.12345678.abcdef01"}}
	if got, want := render.PluginOf(dotted), (render.Plugin{Owner: "autowasm.ns.a.b", VM: "12345678", Revision: "abcdef01"}); got != want {
		t.Errorf("got %+v", got)
	}
}

func vmIDOf(t *testing.T, aw *v1alpha1.AutoWasm, m render.Module) string {
	t.Helper()
	return pluginConfigOf(t, rendered(t, aw, m, testOptions))["vmConfig"].(map[string]any)["vmId"].(string)
}

// TestVMIDTellsMachinesApart: what Envoy does not compare must be in the id.
func TestVMIDTellsMachinesApart(t *testing.T) {
	other := render.Module{SHA256: strings.Repeat("ab", 32)}
	shared := func(f *v1alpha1.Filter) { f.VMID = "shared" }
	withEnv := func(env ...v1alpha1.EnvVar) *v1alpha1.AutoWasm {
		return edit(func(f *v1alpha1.Filter) { shared(f); f.Env = env })
	}
	ids := map[string]string{
		"generated":     vmIDOf(t, autoWasm(), testModule),
		"user's":        vmIDOf(t, edit(shared), testModule),
		"other module":  vmIDOf(t, edit(shared), other),
		"env":           vmIDOf(t, withEnv(v1alpha1.EnvVar{Name: "A", Value: "1"}), testModule),
		"other value":   vmIDOf(t, withEnv(v1alpha1.EnvVar{Name: "A", Value: "2"}), testModule),
		"from host":     vmIDOf(t, withEnv(v1alpha1.EnvVar{Name: "A", FromHost: true}), testModule),
		"precompiled":   vmIDOf(t, edit(func(f *v1alpha1.Filter) { shared(f); f.AllowPrecompiled = true }), testModule),
		"env no value":  vmIDOf(t, withEnv(v1alpha1.EnvVar{Name: "A"}), testModule),
		"two variables": vmIDOf(t, withEnv(v1alpha1.EnvVar{Name: "A", Value: "1"}, v1alpha1.EnvVar{Name: "B"}), testModule),
	}
	seen := map[string]string{}
	for name, id := range ids {
		if before, ok := seen[id]; ok {
			t.Errorf("%s and %s share %q", name, before, id)
		}
		seen[id] = name
	}
	if ids["generated"] != "default.test.750d63889653" || ids["user's"] != "shared.750d63889653" {
		t.Errorf("got %q and %q", ids["generated"], ids["user's"])
	}
}

// TestVMIDIsShared: what a user wants shared is shared, and the order of the
// variables means nothing.
func TestVMIDIsShared(t *testing.T) {
	a, b := v1alpha1.EnvVar{Name: "A", Value: "1"}, v1alpha1.EnvVar{Name: "B", Value: "2"}
	with := func(name string, env ...v1alpha1.EnvVar) *v1alpha1.AutoWasm {
		return autoWasm(func(aw *v1alpha1.AutoWasm) {
			aw.Name, aw.Spec.Filter.VMID, aw.Spec.Filter.Env = name, "shared", env
		})
	}
	one, two := vmIDOf(t, with("one", a, b), testModule), vmIDOf(t, with("two", b, a), testModule)
	if one != two {
		t.Errorf("%q and %q differ", one, two)
	}
}
