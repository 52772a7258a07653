package v1alpha1

import "strings"

// DefaultPullPolicy is the policy of an image that names none, by kubelet's rule: a
// reference that is expected to move, with the tag latest or no tag at all, is
// looked up on each change.
func DefaultPullPolicy(image string) PullPolicy {
	if !strings.Contains(image, "@") && isLatest(image) {
		return PullAlways
	}
	return PullIfNotPresent
}

// EffectivePullPolicy is pullPolicy, or what admission fills in where it is absent.
func (r *RegistrySource) EffectivePullPolicy() PullPolicy {
	if r.PullPolicy != "" {
		return r.PullPolicy
	}
	return DefaultPullPolicy(r.Image)
}

// isLatest looks for the tag after the last slash: a colon before it belongs to
// the registry's port.
func isLatest(image string) bool {
	last := image[strings.LastIndex(image, "/")+1:]
	_, tag, tagged := strings.Cut(last, ":")
	return !tagged || tag == "latest"
}
