// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxPassword is the longest password, in bytes, that is read from standard input.
const maxPassword = 64 << 10

// keychain has docker's credentials, then podman's, which the registry library reads only where docker has none at all.
var keychain = authn.NewMultiKeychain(dockerKeychain{}, podmanKeychain{})

type dockerKeychain struct{}

// Resolve finds the credentials of the repository's registry.
func (dockerKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	file, err := loadDockerConfig()
	if err != nil {
		return nil, err
	}
	return credentialsFor(dockerKey(target.RegistryStr()), file)
}

// loadDockerConfig reads $DOCKER_CONFIG/config.json or ~/.docker/config.json; an absent file is an empty one.
func loadDockerConfig() (*configfile.ConfigFile, error) {
	file, err := config.Load(os.Getenv("DOCKER_CONFIG"))
	if err != nil {
		return nil, fmt.Errorf("read docker's configuration: %w", err)
	}
	return file, nil
}

// dockerKey is the name of a registry in docker's configuration.
func dockerKey(host string) string {
	if host == name.DefaultRegistry {
		return authn.DefaultAuthKey
	}
	return host
}

type podmanKeychain struct{}

// Resolve finds the credentials of the repository, or of the closest path above it.
func (podmanKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	file, err := loadPodmanAuth()
	if file == nil {
		return authn.Anonymous, err
	}
	for key := strings.Replace(target.String(), name.DefaultRegistry, "docker.io", 1); key != "."; key = path.Dir(key) {
		if auth, err := credentialsFor(key, file); err != nil || auth != authn.Anonymous {
			return auth, err
		}
	}
	return authn.Anonymous, nil
}

// loadPodmanAuth reads the first of podman's files that exists; it returns nil when there is none.
func loadPodmanAuth() (*configfile.ConfigFile, error) {
	paths := []string{os.Getenv("REGISTRY_AUTH_FILE")}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths = append(paths, filepath.Join(dir, "containers", "auth.json"))
	}
	if dir, err := os.UserConfigDir(); err == nil {
		paths = append(paths, filepath.Join(dir, "containers", "auth.json"))
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return readPodmanAuth(path)
		}
	}
	return nil, nil
}

func readPodmanAuth(path string) (*configfile.ConfigFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read podman's credentials: %w", err)
	}
	defer f.Close()
	file, err := config.LoadFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("read podman's credentials in %s: %w", path, err)
	}
	return file, nil
}

func credentialsFor(key string, file *configfile.ConfigFile) (authn.Authenticator, error) {
	found, err := file.GetAuthConfig(key)
	if err != nil {
		return nil, fmt.Errorf("look up the credentials of %s: %w", key, err)
	}
	found.ServerAddress = "" // is always filled
	if found == (types.AuthConfig{}) {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: found.Username, Password: found.Password, Auth: found.Auth,
		IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
	}), nil
}

// readPassword reads a password up to its line break.
func readPassword(r io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxPassword))
	if err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	password := strings.TrimRight(string(raw), "\r\n")
	if password == "" {
		return "", fmt.Errorf("read the password from standard input: it is empty")
	}
	return password, nil
}
