// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push pushes an image to the public registry and returns its reference.
func (c *Cluster) Push(t testing.TB, repository string, img v1.Image) string {
	t.Helper()
	return c.push(t, c.Registry+"/"+repository, img, authn.Anonymous)
}

// PushPrivate pushes an image to the private registry and returns its reference.
func (c *Cluster) PushPrivate(t testing.TB, repository string, img v1.Image) string {
	t.Helper()
	auth := &authn.Basic{Username: c.PrivateRegistryUsername, Password: c.PrivateRegistryPassword}
	return c.push(t, c.PrivateRegistry+"/"+repository, img, auth)
}

func (c *Cluster) push(t testing.TB, reference string, img v1.Image, auth authn.Authenticator) string {
	t.Helper()
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatalf("parse %s: %v", reference, err)
	}
	if err := remote.Write(ref, img, remote.WithAuth(auth), remote.WithContext(t.Context())); err != nil {
		t.Fatalf("push %s: %v", reference, err)
	}
	return reference
}

// Object puts a file behind the objects' web server and returns its URL.
func (c *Cluster) Object(t testing.TB, filename string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.ObjectsDir, filename), content, 0o644); err != nil {
		t.Fatalf("write object %s: %v", filename, err)
	}
	return c.ObjectsURL + "/" + filename
}

func dockerConfig(t testing.TB, registry, username, password string) []byte {
	t.Helper()
	config, err := json.Marshal(map[string]any{"auths": map[string]any{
		registry: map[string]string{"username": username, "password": password},
	}})
	if err != nil {
		t.Fatalf("encode a docker config: %v", err)
	}
	return config
}
