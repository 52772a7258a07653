package render_test

import (
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

func vmIDOf(t *testing.T, aw *v1alpha1.AutoWasm, m render.Module) string {
	t.Helper()
	ef, err := render.EnvoyFilter(aw, m, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	typed := ef.Spec.ConfigPatches[0].Patch.Value.AsMap()["typedConfig"].(map[string]any)
	return typed["config"].(map[string]any)["vmConfig"].(map[string]any)["vmId"].(string)
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
