package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// vmID is the user's identifier, or the AutoWasm's name, and what else tells two
// virtual machines apart.
//
// Envoy finds a running virtual machine by its id before it has loaded the code,
// and takes it without comparing the code or whether precompiled code is allowed,
// nor, before 2026, the environment (envoyproxy/envoy#44563). An id that stayed the
// same while one of these changed would go on running the old code, and two
// AutoWasms with one id would run one module. So all of them go into the id.
func vmID(aw *v1alpha1.AutoWasm, m Module) string {
	id := aw.Spec.Filter.VMID
	if id == "" {
		id = dotted(aw)
	}
	id += "." + m.SHA256[:12]
	if hash := settingsHash(&aw.Spec.Filter); hash != "" {
		id += "." + hash
	}
	return id
}

// settingsHash is 8 hex digits of the environment and of whether precompiled code
// is allowed, "" when neither is set.
func settingsHash(f *v1alpha1.Filter) string {
	if len(f.Env) == 0 && !f.AllowPrecompiled {
		return ""
	}
	raw, err := json.Marshal(struct {
		Env         []v1alpha1.EnvVar
		Precompiled bool
	}{sortedEnv(f.Env), f.AllowPrecompiled})
	if err != nil { // not reachable: strings and booleans always encode
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:8]
}

// environment is nil when there are no variables.
func environment(env []v1alpha1.EnvVar) *wasmv3.EnvironmentVariables {
	if len(env) == 0 {
		return nil
	}
	out := &wasmv3.EnvironmentVariables{}
	for _, variable := range sortedEnv(env) {
		if variable.FromHost {
			out.HostEnvKeys = append(out.HostEnvKeys, variable.Name)
			continue
		}
		if out.KeyValues == nil {
			out.KeyValues = map[string]string{}
		}
		out.KeyValues[variable.Name] = variable.Value
	}
	return out
}

// sortedEnv orders by name: the order in which a user lists variables means
// nothing, and must not disturb the proxies.
func sortedEnv(env []v1alpha1.EnvVar) []v1alpha1.EnvVar {
	return slices.SortedFunc(slices.Values(env), func(a, b v1alpha1.EnvVar) int {
		return strings.Compare(a.Name, b.Name)
	})
}

func dotted(aw *v1alpha1.AutoWasm) string { return aw.Namespace + "." + aw.Name }
