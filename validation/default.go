package validation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Default fills what is absent from aw, the JSON object of an AutoWasm, and returns what it filled, by path. A key
// that is present is left alone whatever its value, also when that is "", [] or null: what a user wrote, stays. A
// parent that is absent or of the wrong type is left for the schema to refuse. Default(Default(x)) is Default(x).
//
// It fills spec.filter.vmID (<namespace>.<name>, once the object has a name), spec.filter.source.registry.pullPolicy,
// and with the namespace's defaults spec.filter.applyPorts and, for a registry source, spec.secret. An object that is
// being deleted is not touched.
func Default(aw map[string]any, namespace NamespaceDefaults) []Filled {
	o := objectOf(aw)
	if !o.defaultable() {
		return nil
	}
	filled := o.fillPorts(nil, namespace.ApplyPorts)
	filled = o.fillPullPolicy(filled)
	filled = o.fillVMID(filled)
	return o.fillSecret(filled, namespace.Secret)
}

// Filled is one field that Default filled.
type Filled struct {
	// Path is a JSON pointer, such as /spec/filter/vmID. Its parent was there before.
	Path string
	// Value is the JSON value.
	Value any
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

func (o object) lacksPorts() bool { return lacks(o.filter, "applyPorts") }

// lacksSecret is about registry sources alone: no other source uses a secret.
func (o object) lacksSecret() bool { return o.registry != nil && lacks(o.spec, "secret") }

func lacks(parent map[string]any, key string) bool {
	_, present := parent[key]
	return !present
}

func (o object) defaultable() bool { return o.filter != nil && o.metadata["deletionTimestamp"] == nil }

func (o object) fillPorts(filled []Filled, ports []int64) []Filled {
	if len(ports) == 0 || !o.lacksPorts() {
		return filled
	}
	values := make([]any, len(ports))
	for i, port := range ports {
		values[i] = json.Number(strconv.FormatInt(port, 10))
	}
	o.filter["applyPorts"] = values
	return append(filled, Filled{"/spec/filter/applyPorts", values})
}

func (o object) fillPullPolicy(filled []Filled) []Filled {
	image, _ := o.registry["image"].(string)
	if image == "" || !lacks(o.registry, "pullPolicy") {
		return filled
	}
	policy := string(v1alpha1.DefaultPullPolicy(image))
	o.registry["pullPolicy"] = policy
	return append(filled, Filled{"/spec/filter/source/registry/pullPolicy", policy})
}

// fillVMID leaves a request with generateName alone: render generates the same identifier once the name is known.
func (o object) fillVMID(filled []Filled) []Filled {
	namespace, _ := o.metadata["namespace"].(string)
	name, _ := o.metadata["name"].(string)
	if namespace == "" || name == "" || !lacks(o.filter, "vmID") {
		return filled
	}
	id := generatedVMID(namespace, name)
	o.filter["vmID"] = id
	return append(filled, Filled{"/spec/filter/vmID", id})
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

func (o object) fillSecret(filled []Filled, secret string) []Filled {
	if secret == "" || !o.lacksSecret() {
		return filled
	}
	o.spec["secret"] = secret
	return append(filled, Filled{"/spec/secret", secret})
}
