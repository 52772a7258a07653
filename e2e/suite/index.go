// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// PushIndex pushes an image index, with its children, to the public registry and
// returns its reference.
func (c *Cluster) PushIndex(t testing.TB, repository string, index v1.ImageIndex) string {
	t.Helper()
	reference := c.Registry + "/" + repository
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatalf("parse %s: %v", reference, err)
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(t.Context())); err != nil {
		t.Fatalf("push %s: %v", reference, err)
	}
	return reference
}
