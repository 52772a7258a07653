// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Blamed returns the field of an AutoWasm that would have to change for a module that was refused, what of its value may be
// shown, and what to do. For the module itself the field is that of the source, and the value nil.
func (r Result) Blamed(spec *v1alpha1.AutoWasmSpec) (path *field.Path, value any, remedy string) {
	filter := field.NewPath("spec", "filter")
	switch {
	case r.Reason == v1alpha1.ReasonModuleTraps && r.Callback == "proxy_on_context_create":
		return filter.Child("rootID"), spec.Filter.RootID, "set rootID to a name that the module registers, or repair the module"
	case r.Callback == "proxy_on_configure", r.Callback == "proxy_on_vm_start":
		return filter.Child("config"), field.OmitValueType{}, "give the module the config that its documentation describes"
	}
	return filter.Child("source"), nil, "repair the module, or take another"
}
