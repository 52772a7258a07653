// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"encoding/json"
	"reflect"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// history tells what of an object was filled before from what its users set, by the request that updates it. The zero
// history knows of nothing that was filled.
type history struct {
	// old is the object that is updated.
	old object
	// sets are fields that users set, each as an object of its own: see owns.
	sets []map[string]any
	// applied is the manifest that kubectl apply keeps.
	applied map[string]any
	known   bool
}

// historyOf knows nothing on a create, of an update that leaves the spec alone, and where the request does not tell: of
// an object without managed fields, and of one that was written from a manifest and not from the object of the API
// server, which has a uid. Such a manifest says all of what is in it.
func historyOf(o object, old map[string]any) history {
	uid, _ := o.metadata["uid"].(string)
	sets, known := setsOf(o.metadata["managedFields"])
	if old == nil || uid == "" || !known || !changesSpec(o, old) {
		return history{}
	}
	return history{old: objectOf(old), sets: sets, applied: appliedOf(o.metadata), known: true}
}

func changesSpec(o object, old map[string]any) bool {
	return !reflect.DeepEqual(o.spec, child(old, "spec"))
}

// filled reports whether the field was filled before: nobody has set it. To the API server what an admission webhook
// fills belongs to nobody. So does what a client sets to the value that it has already, of which kubectl apply keeps a
// record. A value that comes with the request is not what it was filled with.
func (h history) filled(f fillable) bool {
	if !h.known || !f.present() || !reflect.DeepEqual(f.value(), valueAt(h.old, f.path)) || has(h.applied, f.path) {
		return false
	}
	for _, set := range h.sets {
		if owns(set, f.path) {
			return false
		}
	}
	return true
}

func valueAt(o object, path []string) any {
	at := map[string]any{"spec": o.spec}
	for _, key := range path[:len(path)-1] {
		at = child(at, key)
	}
	return at[path[len(path)-1]]
}

func has(object map[string]any, path []string) bool {
	for _, key := range path[:len(path)-1] {
		object = child(object, key)
	}
	_, present := object[path[len(path)-1]]
	return present
}

// setsOf returns the fields of the managers of the object, but for those of its status. It is false where these are not
// known: the spec has a manager, always, unless somebody has reset them.
func setsOf(managedFields any) (sets []map[string]any, known bool) {
	entries, _ := managedFields.([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if entry["subresource"] == "status" {
			continue
		}
		set := child(entry, "fieldsV1")
		if set == nil || entry["apiVersion"] != v1alpha1.GroupVersion.String() {
			return nil, false
		}
		known = known || child(set, "f:spec") != nil
		sets = append(sets, set)
	}
	return sets, known
}

// owns reports whether a set in the format FieldsV1 has a field, or one that it is in as a whole.
func owns(set map[string]any, path []string) bool {
	for _, key := range path {
		inner, present := set["f:"+key].(map[string]any)
		if !present {
			return false
		}
		if len(inner) == 0 {
			return true
		}
		set = inner
	}
	return true
}

// lastApplied is the annotation in which kubectl apply and Argo CD keep the manifest.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func appliedOf(metadata map[string]any) map[string]any {
	manifest, _ := child(metadata, "annotations")[lastApplied].(string)
	var applied map[string]any
	if json.Unmarshal([]byte(manifest), &applied) != nil {
		return nil
	}
	return applied
}
