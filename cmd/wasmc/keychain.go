package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// localKeychain looks into docker's configuration and its helpers, then into
// podman's. The registry library's own keychain looks into podman's only where
// there is none of docker's.
func localKeychain() authn.Keychain {
	return authn.NewMultiKeychain(dockerKeychain{}, podmanKeychain{})
}

type dockerKeychain struct{}

// Resolve finds the credentials of the repository's registry.
func (dockerKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	file, err := loadDockerConfig()
	if err != nil {
		return nil, err
	}
	return lookup(file, serverKey(target.RegistryStr()))
}

// loadDockerConfig reads $DOCKER_CONFIG/config.json or ~/.docker/config.json; an
// absent file is an empty one.
func loadDockerConfig() (*configfile.ConfigFile, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = config.Dir()
	}
	file, err := config.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("read docker's configuration: %w", err)
	}
	return file, nil
}

// serverKey is what docker calls a registry in its configuration.
func serverKey(host string) string {
	if host == name.DefaultRegistry {
		return authn.DefaultAuthKey
	}
	return host
}

type podmanKeychain struct{}

// Resolve finds the credentials for the repository, or for the closest of the
// paths above it.
func (podmanKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	path := podmanAuthFile()
	if path == "" {
		return authn.Anonymous, nil
	}
	file, err := loadPodmanAuth(path)
	if err != nil {
		return nil, err
	}
	for key := strings.Replace(target.String(), name.DefaultRegistry, "docker.io", 1); key != ""; key = parent(key) {
		if auth, err := lookup(file, key); err != nil || auth != authn.Anonymous {
			return auth, err
		}
	}
	return authn.Anonymous, nil
}

func parent(key string) string {
	if i := strings.LastIndex(key, "/"); i >= 0 {
		return key[:i]
	}
	return ""
}

// podmanAuthFile is the first that exists; empty when none does.
func podmanAuthFile() string {
	candidates := []string{os.Getenv("REGISTRY_AUTH_FILE")}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, "containers", "auth.json"))
	}
	if dir, err := os.UserConfigDir(); err == nil {
		candidates = append(candidates, filepath.Join(dir, "containers", "auth.json"))
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

func loadPodmanAuth(path string) (*configfile.ConfigFile, error) {
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

func lookup(file *configfile.ConfigFile, key string) (authn.Authenticator, error) {
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
