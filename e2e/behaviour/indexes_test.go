// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image/imagetest"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestEveryIndexOfImages is TestEveryShapeOfImage for image indexes, whatever
// platform their images are for.
func TestEveryIndexOfImages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		build func(t *testing.T, module []byte) v1.ImageIndex
	}{
		{"wasip1", func(t *testing.T, m []byte) v1.ImageIndex {
			other := wasmtest.Module(wasmtest.Salt("not this one"))
			return indexOf(child(t, other, "linux", "amd64"), child(t, m, "wasip1", "wasm"))
		}},
		{"only-arm64", func(t *testing.T, m []byte) v1.ImageIndex { return indexOf(child(t, m, "linux", "arm64")) }},
		{"buildx-attestation", func(t *testing.T, m []byte) v1.ImageIndex {
			return indexOf(attestation(t), child(t, m, "linux", "amd64"))
		}},
	}
	var all []pushedShape
	for _, tt := range tests {
		module := wasmtest.Module(wasmtest.Salt(t.Name() + tt.name))
		ref := cluster.PushIndex(t, "indexes/"+tt.name+":v1", tt.build(t, module))
		all = append(all, pushedShape{tt.name, ref, suite.SHA256(module)})
	}
	requireAllSynced(t, all)
}

func indexOf(children ...mutate.IndexAddendum) v1.ImageIndex {
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), children...)
}

func child(t *testing.T, module []byte, os, arch string) mutate.IndexAddendum {
	t.Helper()
	return mutate.IndexAddendum{
		Add:        artifact(types.OCIConfigJSON, pluginLayer(types.OCILayer, "", module)).Build(t),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: arch}},
	}
}

// attestation is what buildx puts beside each image.
func attestation(t *testing.T) mutate.IndexAddendum {
	t.Helper()
	statement := imagetest.Layer{MediaType: "application/vnd.in-toto+json", Content: []byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`)}
	return mutate.IndexAddendum{
		Add: artifact(types.OCIConfigJSON, statement).Build(t),
		Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
		},
	}
}
