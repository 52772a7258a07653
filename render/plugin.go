// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Plugin names what one EnvoyFilter has the proxies run. Only by the name do a proxy's statistics of one plugin differ
// from another's. So it says exactly which one it is: a proxy that has it there has taken this very configuration.
type Plugin struct {
	// Owner is the name without the two hashes: autowasm.<namespace>.<name>.
	Owner string
	// VM is 8 hex digits of the hash of the vm_id: plugins that share a virtual machine have it in common.
	VM string
	// Revision is 8 hex digits of the hash of all that is configured of the plugin, of the AutoWasm's uid and generation,
	// and of how often the load was asked for. These tell a plugin from a former one like it, at another port or of an
	// AutoWasm that was deleted: a proxy keeps the statistics of that for as long as it drains its listener.
	Revision string
}

// hashDigits is the length of the hashes in a plugin's name.
const hashDigits = 8

// String is the name of the plugin as Envoy has it.
func (p Plugin) String() string { return p.Owner + "." + p.VM + "." + p.Revision }

// PluginOf reads back which plugin ef has the proxies run. It is the zero Plugin when ef does not say.
func PluginOf(ef metav1.Object) Plugin {
	parts := strings.Split(ef.GetAnnotations()[v1alpha1.AnnotationPlugin], ".")
	last := len(parts) - 1
	if last < 2 || len(parts[last]) != hashDigits || len(parts[last-1]) != hashDigits {
		return Plugin{}
	}
	return Plugin{Owner: strings.Join(parts[:last-1], "."), VM: parts[last-1], Revision: parts[last]}
}

// nameOf is the plugin of a filter's configuration, in which the name itself is not yet set.
func nameOf(aw *v1alpha1.AutoWasm, m Module, config *structpb.Struct) (Plugin, error) {
	canonical, err := encodeJSON(config.AsMap())
	if err != nil {
		return Plugin{}, fmt.Errorf("name the plugin: %w", err)
	}
	owner := ownerName(aw)
	return Plugin{
		Owner:    owner,
		VM:       hashOf([]byte(vmID(aw, m)), hashDigits),
		Revision: hashOf(fmt.Appendf(nil, "%s\n%d\n%s\n%s%s", owner, aw.Generation, unlessZero(int64(m.Reload)), canonical, aw.UID), hashDigits),
	}, nil
}

// ownerName is the name of the HTTP filter, and the beginning of its plugin's.
func ownerName(aw *v1alpha1.AutoWasm) string { return "autowasm." + dotted(aw) }

// vmID is the user's identifier, or the AutoWasm's name, and what else tells two virtual machines apart.
//
// Envoy finds a running virtual machine by its id before it has loaded the code, and takes it without comparing the
// code or whether precompiled code is allowed, nor, before 2026, the environment (envoyproxy/envoy#44563). An id that
// stayed the same while one of these changed would go on running the old code, and two AutoWasms with one id would
// run one module. So all of them go into the id.
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

// settingsHash is 8 hex digits of the environment and of whether precompiled code is allowed, "" when neither is set.
func settingsHash(f *v1alpha1.Filter) string {
	if len(f.Env) == 0 && !f.AllowPrecompiled {
		return ""
	}
	raw, _ := json.Marshal(struct { // strings and booleans always encode
		Env         []v1alpha1.EnvVar
		Precompiled bool
	}{sortedEnv(f.Env), f.AllowPrecompiled})
	return hashOf(raw, hashDigits)
}

// sortedEnv orders by name: the order in which a user lists variables must not disturb the proxies.
func sortedEnv(env []v1alpha1.EnvVar) []v1alpha1.EnvVar {
	return slices.SortedFunc(slices.Values(env), func(a, b v1alpha1.EnvVar) int {
		return strings.Compare(a.Name, b.Name)
	})
}

func dotted(aw *v1alpha1.AutoWasm) string { return aw.Namespace + "." + aw.Name }
