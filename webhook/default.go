package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// maxID is the API's limit on vmID and rootID, in characters.
const maxID = 256

// Default fills what is absent from aw, the JSON object of an AutoWasm, and
// reports whether it filled anything. A key that is present is left alone whatever
// its value, also when that is "", [] or null: what a user wrote, stays. A parent
// that is absent or of the wrong type is left for the schema to refuse.
//
// It fills spec.filter.vmID (<namespace>.<name>, once the object has a name),
// spec.filter.source.registry.pullPolicy, and from the annotations of the
// namespace spec.filter.applyPorts (AnnotationDefaultPorts) and, for a registry
// source, spec.secret (AnnotationDefaultSecret). An annotation that cannot be
// read is ignored. An object that is being deleted is not touched.
func Default(aw map[string]any, namespaceAnnotations map[string]string) bool {
	ports, _ := portsOf(namespaceAnnotations)
	secret, _ := secretOf(namespaceAnnotations)
	return fill(aw, ports, secret)
}

// fill fills with the namespace's ports, unless empty, and secret, unless "".
func fill(aw map[string]any, ports []int64, secret string) bool {
	o, ok := objectOf(aw)
	if !ok || o.deleting() {
		return false
	}
	filled := o.fillVMID()
	filled = o.fillPullPolicy() || filled
	filled = o.fillPorts(ports) || filled
	return o.fillSecret(secret) || filled
}

// object is the raw JSON object of an AutoWasm, taken apart as far as defaulting
// needs it. The maps are the object's own.
type object struct {
	metadata, spec, filter map[string]any
	registry               map[string]any // nil unless the source is a registry
}

// objectOf reports false for an object without a spec and a filter to fill.
func objectOf(aw map[string]any) (object, bool) {
	spec := child(aw, "spec")
	filter := child(spec, "filter")
	return object{
		metadata: child(aw, "metadata"),
		spec:     spec,
		filter:   filter,
		registry: child(child(filter, "source"), "registry"),
	}, filter != nil
}

// child returns the object at key, nil when there is none. Reading from a nil map
// is fine, so calls can be nested.
func child(parent map[string]any, key string) map[string]any {
	value, _ := parent[key].(map[string]any)
	return value
}

func (o object) deleting() bool { return o.metadata["deletionTimestamp"] != nil }

func (o object) lacksPorts() bool { return lacks(o.filter, "applyPorts") }

// lacksSecret is about registry sources alone: no other source uses a secret.
func (o object) lacksSecret() bool { return o.registry != nil && lacks(o.spec, "secret") }

func lacks(parent map[string]any, key string) bool {
	_, present := parent[key]
	return !present
}

// fillVMID leaves a request with generateName alone: its name is not known yet,
// and render generates the same identifier once it is.
func (o object) fillVMID() bool {
	namespace, _ := o.metadata["namespace"].(string)
	name, _ := o.metadata["name"].(string)
	if namespace == "" || name == "" || !lacks(o.filter, "vmID") {
		return false
	}
	o.filter["vmID"] = generatedVMID(namespace, name)
	return true
}

// generatedVMID is <namespace>.<name>, cut and closed with a hash of the whole
// where that is longer than the API allows.
func generatedVMID(namespace, name string) string {
	id := namespace + "." + name
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	hash := hex.EncodeToString(sum[:])[:16]
	return id[:maxID-1-len(hash)] + "-" + hash
}

func (o object) fillPullPolicy() bool {
	image, _ := o.registry["image"].(string)
	if image == "" || !lacks(o.registry, "pullPolicy") {
		return false
	}
	o.registry["pullPolicy"] = string(v1alpha1.DefaultPullPolicy(image))
	return true
}

func (o object) fillPorts(ports []int64) bool {
	if len(ports) == 0 || !o.lacksPorts() {
		return false
	}
	values := make([]any, len(ports))
	for i, port := range ports {
		values[i] = json.Number(strconv.FormatInt(port, 10))
	}
	o.filter["applyPorts"] = values
	return true
}

func (o object) fillSecret(secret string) bool {
	if secret == "" || !o.lacksSecret() {
		return false
	}
	o.spec["secret"] = secret
	return true
}
