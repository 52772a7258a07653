// SPDX-License-Identifier: Apache-2.0

package source

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Pin is the module that a source was resolved to before.
type Pin struct {
	// SHA256 of the module.
	SHA256 string
	// Reference is the immutable form of the source, "" when it is not known.
	Reference string
}

// PinOf returns the module that a status says a source was resolved to, nil if it says so of another source or of no
// module that can be: a declared hash is the user's last word. A reference that is not of this image is dropped: a
// status can be edited, and must not lead credentials elsewhere.
func PinOf(s v1alpha1.Source, status *v1alpha1.ModuleStatus) *Pin {
	if status == nil || status.Source != SourceID(s) || !v1alpha1.IsSHA256(status.SHA256) {
		return nil
	}
	if s.Object != nil && s.Object.SHA256 != "" && s.Object.SHA256 != status.SHA256 {
		return nil
	}
	p := Pin{SHA256: status.SHA256, Reference: status.Reference}
	if s.Registry != nil && !digestOf(s.Registry.Image, p.Reference) {
		p.Reference = ""
	}
	return &p
}

// ResolvesAgain reports whether each generation of a source is resolved again, as a tag is with the policy Always.
func ResolvesAgain(s v1alpha1.Source) bool {
	return s.Registry != nil && !strings.Contains(s.Registry.Image, "@") && s.Registry.EffectivePullPolicy() == v1alpha1.PullAlways
}

// Exactly returns the request for exactly the module of p: an image by its digest, also when the source names another
// one by now, an object by its hash. A ConfigMap has no earlier versions to ask for.
func (r Request) Exactly(p Pin) Request {
	switch {
	case byDigest(p.Reference):
		r.Source = v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: p.Reference}}
	case r.Source.Object != nil && p.SHA256 != "":
		r.Source.Object = &v1alpha1.ObjectSource{URL: r.Source.Object.URL, SHA256: p.SHA256}
	}
	return r
}

// Preferring returns the request for the image of a reference, or for what the source names when it does not have that
// image. A reference that is not of this image is dropped.
func (r Request) Preferring(reference string) Request {
	if r.Source.Registry != nil && digestOf(r.Source.Registry.Image, reference) {
		r.Preferred = reference
	}
	return r
}

// byDigest reports whether a reference is that of an image, by digest.
func byDigest(reference string) bool {
	_, err := name.NewDigest(reference)
	return err == nil && !strings.Contains(reference, "://")
}

// digestOf reports whether a reference is by digest, and one that the image may have been resolved to.
func digestOf(image, reference string) bool {
	digest, err := name.NewDigest(reference)
	if err != nil {
		return false
	}
	ref, err := name.ParseReference(image)
	if err != nil || ref.Context().Name() != digest.Context().Name() {
		return false
	}
	declared, ok := ref.(name.Digest)
	return !ok || declared.DigestStr() == digest.DigestStr()
}
