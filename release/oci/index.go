// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/release/attest"
	"github.com/autowasm/autowasm/release/program"
)

// What BuildKit calls an attestation of an image in an index, and the layers of its manifest.
const (
	annotationReferenceType   = "vnd.docker.reference.type"
	annotationReferenceDigest = "vnd.docker.reference.digest"
	annotationPredicateType   = "in-toto.io/predicate-type"
	attestationManifest       = "attestation-manifest"
	typeInToto                = types.MediaType("application/vnd.in-toto+json")
	unknown                   = "unknown"
)

// Index returns the index of the images of one program's binaries, one for each platform, and of their attestations. The
// same arguments give the same digest.
func Index(binaries []*program.Binary, from attest.Source, license []byte) (v1.ImageIndex, error) {
	if len(binaries) == 0 {
		return nil, fmt.Errorf("an index of no images")
	}
	var images, attestations []mutate.IndexAddendum
	for _, b := range binaries {
		img, err := image(b, from, license)
		if err != nil {
			return nil, err
		}
		attestation, err := attestationOf(img, b, from)
		if err != nil {
			return nil, fmt.Errorf("attest the image of %s for %s: %w", b.Program.Name, b.Platform, err)
		}
		platform := &v1.Platform{OS: b.Platform.OS, Architecture: b.Platform.Arch}
		images = append(images, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: platform}})
		attestations = append(attestations, attestation)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), append(images, attestations...)...)
	return mutate.Annotations(index, annotations(binaries[0].Program, binaries[0].Version, from)).(v1.ImageIndex), nil
}

// attestationOf returns the entry of an index that holds the statements about an image of it. It is for no platform, so that
// nothing runs it.
func attestationOf(img v1.Image, b *program.Binary, from attest.Source) (mutate.IndexAddendum, error) {
	none := mutate.IndexAddendum{}
	digest, err := img.Digest()
	if err != nil {
		return none, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: from.Commit.Time}
	base, err = mutate.ConfigFile(base, &v1.ConfigFile{OS: unknown, Architecture: unknown, Created: created, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		return none, err
	}
	for _, statement := range attest.Statements(b, from, digest.Hex) {
		content, err := statement.Encode()
		if err != nil {
			return none, err
		}
		base, err = mutate.Append(base, mutate.Addendum{
			Layer:       static.NewLayer(content, typeInToto),
			MediaType:   typeInToto,
			History:     v1.History{Created: created, CreatedBy: "make image"},
			Annotations: map[string]string{annotationPredicateType: statement.PredicateType},
		})
		if err != nil {
			return none, err
		}
	}
	return mutate.IndexAddendum{Add: base, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: unknown, Architecture: unknown},
		Annotations: map[string]string{annotationReferenceType: attestationManifest, annotationReferenceDigest: digest.String()},
	}}, nil
}
