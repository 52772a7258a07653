// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"cmp"
	"strings"
)

// Source is where a module comes from: exactly one of its fields is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.registry), has(self.object), has(self.configMap)].filter(set, set).size() == 1",message="exactly one of registry, object and configMap must be set"
type Source struct {
	// registry is an image in an OCI registry.
	// +optional
	Registry *RegistrySource `json:"registry,omitempty"`

	// object is a file behind an http or https URL, such as one in a bucket.
	// +optional
	Object *ObjectSource `json:"object,omitempty"`

	// configMap is a key of a ConfigMap in the AutoWasm's namespace.
	// +optional
	ConfigMap *ConfigMapSource `json:"configMap,omitempty"`
}

// RegistrySource is an image in an OCI registry.
type RegistrySource struct {
	// image is a reference such as registry.example/team/filter:v1, or …@sha256:…, without a scheme; at most 1024
	// characters, without white space.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[^\s]+$`
	Image string `json:"image"`

	// pullPolicy says when a tag is resolved: IfNotPresent once per image reference, Always on each change of the
	// spec. A tag that moves never changes what already runs. Absent means Always for the tag latest or no tag, else
	// IfNotPresent.
	// +optional
	PullPolicy PullPolicy `json:"pullPolicy,omitempty"`
}

// PullPolicy says when a tag is resolved.
//
// +kubebuilder:validation:Enum=IfNotPresent;Always
type PullPolicy string

// The pull policies.
const (
	PullIfNotPresent PullPolicy = "IfNotPresent"
	PullAlways       PullPolicy = "Always"
)

// DefaultPullPolicy is the policy of an image that names none, by kubelet's rule: a reference that is expected to
// move, with the tag latest or no tag at all, is resolved on each change.
func DefaultPullPolicy(image string) PullPolicy {
	if !strings.Contains(image, "@") && isLatest(image) {
		return PullAlways
	}
	return PullIfNotPresent
}

// EffectivePullPolicy is pullPolicy, or its default where it is absent.
func (r *RegistrySource) EffectivePullPolicy() PullPolicy {
	return cmp.Or(r.PullPolicy, DefaultPullPolicy(r.Image))
}

// isLatest takes the tag after the last slash: a colon before it belongs to the registry's port.
func isLatest(image string) bool {
	last := image[strings.LastIndex(image, "/")+1:]
	_, tag, tagged := strings.Cut(last, ":")
	return !tagged || tag == "latest"
}

// ObjectSource is a file behind an http or https URL.
type ObjectSource struct {
	// url of the file, absolute, http or https, without user information; at most 2048 characters.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",message="must be an absolute http or https URL, such as https://bucket.example/filter.wasm"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@')",message="must not carry user information: credentials in a URL would be shown to everybody who may read the object"
	URL string `json:"url"`

	// sha256 of the file, 64 lower-case hex digits. When it is set, any other content is refused.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-f0-9]{64}$`
	SHA256 string `json:"sha256,omitempty"`
}

// ConfigMapSource is a key of a ConfigMap in the AutoWasm's namespace.
type ConfigMapSource struct {
	// name of the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// key in the ConfigMap's binaryData.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`
}

// IsSHA256 reports whether s is a sha256 as 64 lower-case hex digits.
func IsSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
