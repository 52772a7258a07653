// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// WriteLayout writes an index as an OCI layout of its own in dir, which is replaced. ref is what tools that read a layout call
// it: its tag, and for containerd its whole name.
func WriteLayout(dir string, index v1.ImageIndex, ref name.Tag) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replace the layout %s: %w", dir, err)
	}
	written, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write the layout %s: %w", dir, err)
	}
	names := map[string]string{"org.opencontainers.image.ref.name": ref.TagStr(), "io.containerd.image.name": ref.Name()}
	if err := written.AppendIndex(index, layout.WithAnnotations(names)); err != nil {
		return fmt.Errorf("write the layout %s: %w", dir, err)
	}
	return nil
}

// Push pushes an index with all that it holds, with the credentials of docker login.
func Push(ctx context.Context, ref name.Tag, index v1.ImageIndex) error {
	err := remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("autowasm-release"))
	if err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	return nil
}

// Names returns what the images of programs are called when one of them is called reference, such as
// "registry.example/autowasm/wasmer:v0.1.0": the others are beside it, with the same tag. Without a tag it is version.
func Names(reference, version string, first string, others ...string) (map[string]name.Tag, error) {
	if last := path.Base(reference); !strings.ContainsAny(last, ":@") {
		reference += ":" + version
	}
	ref, err := name.NewTag(reference)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", reference, err)
	}
	names := map[string]name.Tag{first: ref}
	for _, other := range others {
		repository := ref.Context()
		beside := path.Join(path.Dir(repository.RepositoryStr()), other)
		if beside == repository.RepositoryStr() {
			return nil, fmt.Errorf("image %s: it is called %s, which is the name of another image that is put beside it", reference, other)
		}
		names[other] = repository.Registry.Repo(strings.Split(beside, "/")...).Tag(ref.TagStr())
	}
	return names, nil
}
