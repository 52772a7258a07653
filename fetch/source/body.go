package source

import (
	"encoding/json"
	"io"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// body is a module's stream whose errors are classified.
type body struct {
	io.ReadCloser
	explain func(error) error
}

// Read reads the module; its errors are *failure.Error, but for io.EOF.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.explain(err)
	}
	return n, err
}

// declaredType is the media type that a manifest gives itself, or that its fields
// betray; "" when neither.
func declaredType(manifest []byte) types.MediaType {
	var m struct {
		MediaType types.MediaType   `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	if json.Unmarshal(manifest, &m) != nil {
		return ""
	}
	if m.MediaType == "" && len(m.Manifests) > 0 {
		return types.OCIImageIndex
	}
	return m.MediaType
}
