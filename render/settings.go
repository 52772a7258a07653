// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Settings are what a proxy gives a filter beside its code, as EnvoyFilter renders them.
type Settings struct {
	// Plugin is the name of the plugin without what changes with each generation.
	Plugin string
	RootID string
	// VMID is the vm_id, which follows from the module and the environment too.
	VMID string
	// Configuration is what the module reads in proxy_on_configure, "" for none.
	Configuration string
	// Env are the variables and their values, by name.
	Env [][2]string
	// HostEnv are the names of the variables whose values are those of the proxy's process.
	HostEnv []string
}

// SettingsOf returns those of aw with a module. It fails when the configuration cannot be rendered.
func SettingsOf(aw *v1alpha1.AutoWasm, sha256 string) (Settings, error) {
	f := &aw.Spec.Filter
	text, _, err := configurationText(f.Config)
	if err != nil {
		return Settings{}, fmt.Errorf("render the settings of AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
	}
	s := Settings{Plugin: ownerName(aw), RootID: f.RootID, VMID: vmID(aw, Module{SHA256: sha256}), Configuration: text}
	for _, variable := range sortedEnv(f.Env) {
		if variable.FromHost {
			s.HostEnv = append(s.HostEnv, variable.Name)
		} else {
			s.Env = append(s.Env, [2]string{variable.Name, variable.Value})
		}
	}
	return s, nil
}
