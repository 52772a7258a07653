// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Default fills what is absent from aw, the JSON object of an AutoWasm, and returns its changes, by path. A key that is
// present is left alone whatever its value, also when that is "", [] or null: what a user wrote, stays. A parent that is
// absent or of the wrong type is left for the schema to refuse. Default(Default(x)) is Default(x).
//
// It fills spec.filter.vmID (<namespace>.<name>, once the object has a name), spec.filter.source.registry.pullPolicy,
// and with the namespace's defaults spec.filter.applyPorts and, for a registry source, spec.secret. An object that is
// being deleted is not touched.
//
// old is the object that an update changes, nil on a create. What was filled into it before is filled anew when the spec
// changes: with what a create would get now, or taken out where it would get nothing.
func Default(aw, old map[string]any, namespace NamespaceDefaults) []Change {
	o := objectOf(aw)
	if !o.defaultable() {
		return nil
	}
	was := historyOf(o, old)
	changes := o.fillPorts(nil, was, namespace)
	changes = o.fillPullPolicy(changes, was)
	changes = o.fillVMID(changes)
	return o.fillSecret(changes, was, namespace)
}

// object is the raw JSON object of an AutoWasm, taken apart. The maps are its own, nil where there are none.
type object struct {
	metadata, spec, filter map[string]any
	registry               map[string]any
}

func objectOf(aw map[string]any) object {
	spec := child(aw, "spec")
	filter := child(spec, "filter")
	return object{
		metadata: child(aw, "metadata"),
		spec:     spec,
		filter:   filter,
		registry: child(child(filter, "source"), "registry"),
	}
}

// child returns the object at key, nil when there is none. Reading from a nil map is fine, so calls can be nested.
func child(parent map[string]any, key string) map[string]any {
	value, _ := parent[key].(map[string]any)
	return value
}

func (o object) defaultable() bool { return o.filter != nil && o.metadata["deletionTimestamp"] == nil }

func (o object) fillPorts(changes []Change, was history, namespace NamespaceDefaults) []Change {
	slot := o.ports()
	refilled := was.filled(slot)
	if len(namespace.ApplyPorts) == 0 {
		return slot.clear(changes, refilled && namespace.Set.ApplyPorts)
	}
	values := make([]any, len(namespace.ApplyPorts))
	for i, port := range namespace.ApplyPorts {
		values[i] = json.Number(strconv.FormatInt(port, 10))
	}
	return slot.fill(changes, refilled, values)
}

// fillPullPolicy leaves a policy alone that another webhook filled, which is not what Default gave to the old image.
func (o object) fillPullPolicy(changes []Change, was history) []Change {
	image, _ := o.registry["image"].(string)
	if image == "" {
		return changes
	}
	slot := o.pullPolicy()
	before, _ := was.old.registry["image"].(string)
	refilled := was.filled(slot) && slot.value() == string(v1alpha1.DefaultPullPolicy(before))
	return slot.fill(changes, refilled, string(v1alpha1.DefaultPullPolicy(image)))
}

// fillVMID leaves a request with generateName alone: render generates the same identifier once the name is known.
func (o object) fillVMID(changes []Change) []Change {
	namespace, _ := o.metadata["namespace"].(string)
	name, _ := o.metadata["name"].(string)
	if namespace == "" || name == "" {
		return changes
	}
	return fillable{o.filter, []string{"spec", "filter", "vmID"}}.fill(changes, false, generatedVMID(namespace, name))
}

// generatedVMID is <namespace>.<name>, cut and closed with a hash where that is longer than the API allows.
func generatedVMID(namespace, name string) string {
	id := namespace + "." + name
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	hash := hex.EncodeToString(sum[:])[:16]
	return id[:maxID-1-len(hash)] + "-" + hash
}

// fillSecret is about registry sources alone: no other source uses a secret.
func (o object) fillSecret(changes []Change, was history, namespace NamespaceDefaults) []Change {
	slot := o.secret()
	refilled := was.filled(slot)
	if o.registry == nil || namespace.Secret == "" {
		return slot.clear(changes, refilled && (o.registry == nil || namespace.Set.Secret))
	}
	return slot.fill(changes, refilled, namespace.Secret)
}
