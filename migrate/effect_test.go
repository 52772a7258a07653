// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/render/rendertest"
	"github.com/autowasm/autowasm/validation"
)

// effect is what Envoy does at one port of one context, as it reads it.
type effect struct {
	Context, Selector, ProxyVersion, RootID, VMID, Config, Policy string
	Port                                                          uint32
	Env                                                           map[string]string
	HostEnv                                                       []string
	Precompiled                                                   bool
}

// TestTheEffectIsTheSame reads the old EnvoyFilters and those that are rendered for the AutoWasms into Envoy's own messages,
// and compares who runs what, in which order.
func TestTheEffectIsTheSame(t *testing.T) {
	all := samples(t)
	for name, filters := range map[string]int{"envoyfilter-tutorial": 1, "envoyfilter-remote": 3, "envoyfilter-ecds": 1} {
		t.Run(name, func(t *testing.T) {
			old := oldEffects(t, all[name])
			if len(old) != filters {
				t.Errorf("the sample has %d effects, want %d", len(old), filters)
			}
			if diff := gocmp.Diff(old, newEffects(t, Objects(all[name], testOptions))); diff != "" {
				t.Errorf("(-old +new)\n%s", diff)
			}
		})
	}
}

func oldEffects(t *testing.T, objects []manifest.Object) []effect {
	t.Helper()
	definitions := map[string]*structpb.Struct{}
	var all []effect
	for _, object := range objects {
		ef := typedFilterOf(t, object.Content)
		for _, patch := range ef.Spec.ConfigPatches {
			value := patch.GetPatch().GetValue()
			name := value.GetFields()["name"].GetStringValue()
			switch {
			case patch.ApplyTo == networking.EnvoyFilter_EXTENSION_CONFIG:
				definitions[name] = value
			case patch.ApplyTo != networking.EnvoyFilter_HTTP_FILTER:
			case value.Fields["config_discovery"] == nil:
				all = append(all, effectsOf(t, ef, patch, value)...)
			case definitions[name] != nil:
				all = append(all, effectsOf(t, ef, patch, definitions[name])...)
			}
		}
	}
	return sorted(all)
}

func newEffects(t *testing.T, result Result) []effect {
	t.Helper()
	migrated := slices.Clone(result.Migrated)
	slices.SortStableFunc(migrated, func(a, b Migrated) int { return cmp.Compare(priorityOf(a.AutoWasm), priorityOf(b.AutoWasm)) })
	var all []effect
	for _, m := range migrated {
		aw := m.AutoWasm.DeepCopy()
		if aw.Namespace == "" {
			aw.Namespace = "default"
		}
		if errs, _ := validation.Validate(aw, validation.Options{}); len(errs) > 0 {
			t.Fatal(errs)
		}
		ef, err := render.EnvoyFilter(aw, render.Module{SHA256: strings.Repeat("ab", 32)}, rendertest.Options)
		if err != nil {
			t.Fatal(err)
		}
		typed := typedFilterOf(t, ef.Object)
		for _, patch := range typed.Spec.ConfigPatches {
			all = append(all, effectsOf(t, typed, patch, patch.Patch.Value)...)
		}
	}
	return sorted(all)
}

func priorityOf(aw *v1alpha1.AutoWasm) int32 {
	if aw.Spec.Filter.Priority == nil {
		return 0
	}
	return *aw.Spec.Filter.Priority
}

// sorted keeps the order of the filters at one port.
func sorted(all []effect) []effect {
	slices.SortStableFunc(all, func(a, b effect) int {
		return cmp.Or(cmp.Compare(a.Context, b.Context), cmp.Compare(a.Port, b.Port))
	})
	return all
}

func typedFilterOf(t *testing.T, content map[string]any) *istiov1alpha3.EnvoyFilter {
	t.Helper()
	raw, err := json.Marshal(runtime.DeepCopyJSON(content))
	if err != nil {
		t.Fatal(err)
	}
	ef := &istiov1alpha3.EnvoyFilter{}
	if err := json.Unmarshal(raw, ef); err != nil {
		t.Fatal(err)
	}
	return ef
}

func effectsOf(t *testing.T, ef *istiov1alpha3.EnvoyFilter, patch *networking.EnvoyFilter_EnvoyConfigObjectPatch, value *structpb.Struct) []effect {
	t.Helper()
	config := messageOf(t, value).Config
	vm := config.GetVmConfig()
	e := effect{
		Context:      patch.Match.Context.String(),
		Port:         patch.Match.GetListener().GetPortNumber(),
		Selector:     fmt.Sprint(ef.Spec.GetWorkloadSelector().GetLabels()),
		ProxyVersion: patch.Match.GetProxy().GetProxyVersion(),
		RootID:       config.RootId,
		Config:       configOf(t, config),
		Policy:       policyOf(config),
		Env:          vm.GetEnvironmentVariables().GetKeyValues(),
		HostEnv:      vm.GetEnvironmentVariables().GetHostEnvKeys(),
		Precompiled:  vm.AllowPrecompiled,
	}
	// What is for Istio's agent is not for the module.
	delete(e.Env, "ISTIO_META_WASM_IMAGE_PULL_SECRET")
	if len(e.Env) == 0 {
		e.Env = nil
	}
	e.VMID, _, _ = strings.Cut(vm.VmId, ".") // wasmer adds digests
	if strings.HasPrefix(vm.VmId, ef.Namespace+".") {
		e.VMID = "" // it was absent
	}
	return []effect{e}
}

func messageOf(t *testing.T, value *structpb.Struct) *filterv3.Wasm {
	t.Helper()
	typed := value.Fields["typedConfig"].GetStructValue()
	if typed == nil {
		typed = value.Fields["typed_config"].GetStructValue()
	}
	content := typed.AsMap()
	if inner, ok := content["value"].(map[string]any); ok {
		content = inner
	}
	delete(content, "@type")
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	message := &filterv3.Wasm{}
	if err := protojson.Unmarshal(raw, message); err != nil {
		t.Fatal(err)
	}
	return message
}

// configOf is what the module reads: of a message the JSON, in one form.
func configOf(t *testing.T, config *wasmv3.PluginConfig) string {
	t.Helper()
	if config.Configuration == nil {
		return ""
	}
	content := ""
	switch message, err := config.Configuration.UnmarshalNew(); message := message.(type) {
	case *wrapperspb.StringValue:
		content = message.Value
	case *structpb.Struct:
		raw, err := json.Marshal(message.AsMap())
		if err != nil {
			t.Fatal(err)
		}
		content = string(raw)
	default:
		t.Fatalf("configuration is %v: %v", message, err)
	}
	return content
}

// policyOf has the default that the documents name as a change.
func policyOf(config *wasmv3.PluginConfig) string {
	switch {
	//lint:ignore SA1019 old objects have it
	case config.FailOpen:
		return wasmv3.FailurePolicy_FAIL_OPEN.String()
	case config.FailurePolicy == wasmv3.FailurePolicy_UNSPECIFIED:
		return wasmv3.FailurePolicy_FAIL_RELOAD.String()
	}
	return config.FailurePolicy.String()
}
