// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/kubernetes"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// dockerHub is how the registry client names Docker Hub, dockerIO how users do.
const (
	dockerHub = name.DefaultRegistry
	dockerIO  = "docker.io"
)

// credentials are those that a request sends to a registry.
type credentials struct {
	auth   authn.Authenticator
	secret string   // "<namespace>/<name>" of the pull secret, "" without one
	values []string // what no message may contain
}

func (c credentials) anonymous() bool { return c.auth == authn.Anonymous }

// credentials finds those for a repository: the pull secret's, by kubelet's rules, else those of Options.Keychain.
func (s *Sources) credentials(ctx context.Context, r Request, repo name.Repository) (credentials, error) {
	found := credentials{auth: authn.Anonymous}
	if r.Secret != "" {
		secret, err := s.readSecret(ctx, r)
		if err != nil {
			return credentials{}, err
		}
		found.secret = secret.Namespace + "/" + secret.Name
		if found.auth, err = authFor(ctx, secret, repo); err != nil {
			return credentials{}, err
		}
	}
	if found.anonymous() && s.o.Keychain != nil {
		auth, err := authn.Resolve(ctx, s.o.Keychain, repo)
		if err != nil {
			return credentials{}, failure.Transientf(v1alpha1.ReasonUnavailable, "look for credentials for %s in the server's own keychain failed", repo.RegistryStr())
		}
		found.auth = auth
	}
	found.values = valuesOf(ctx, found.auth)
	return found, nil
}

func (s *Sources) readSecret(ctx context.Context, r Request) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: r.Namespace, Name: r.Secret}
	return secret, s.read(ctx, key, secret, "Secret", v1alpha1.ReasonSecretNotFound)
}

// authFor applies kubelet's rules: keys may have a path and wildcards, the longest one that matches counts.
func authFor(ctx context.Context, secret *corev1.Secret, repo name.Repository) (authn.Authenticator, error) {
	key, err := configKey(secret)
	if err != nil {
		return nil, err
	}
	keychain, err := kubernetes.NewFromPullSecrets(ctx, []corev1.Secret{*secret})
	if err != nil { // its text may quote the content
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSecret, "key %s of Secret %s/%s is not a docker configuration: create it with %s", key, secret.Namespace, secret.Name, secretRemedy)
	}
	for _, target := range namesOf(repo) {
		auth, err := authn.Resolve(ctx, keychain, target)
		if err == nil && auth != authn.Anonymous {
			return auth, nil
		}
	}
	return authn.Anonymous, nil
}

const secretRemedy = "kubectl create secret docker-registry"

func configKey(secret *corev1.Secret) (string, error) {
	keys := map[corev1.SecretType]string{
		corev1.SecretTypeDockerConfigJson: corev1.DockerConfigJsonKey,
		corev1.SecretTypeDockercfg:        corev1.DockerConfigKey,
	}
	key, ok := keys[secret.Type]
	if !ok {
		return "", failure.Terminalf(v1alpha1.ReasonInvalidSecret, "Secret %s/%s is of type %q, neither %s nor %s: create it with %s",
			secret.Namespace, secret.Name, secret.Type, corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg, secretRemedy)
	}
	if len(secret.Data[key]) == 0 {
		return "", failure.Terminalf(v1alpha1.ReasonInvalidSecret, "Secret %s/%s has no key %s: create it with %s", secret.Namespace, secret.Name, key, secretRemedy)
	}
	return key, nil
}

// resource is a repository under the name that a docker configuration may use.
type resource struct{ registry, repository string }

func (r resource) String() string      { return r.registry + "/" + r.repository }
func (r resource) RegistryStr() string { return r.registry }

// namesOf returns the names under which credentials for a repository may be kept.
func namesOf(repo name.Repository) []authn.Resource {
	names := []authn.Resource{repo}
	if repo.RegistryStr() == dockerHub {
		names = append(names, resource{dockerIO, repo.RepositoryStr()})
	}
	return names
}

func valuesOf(ctx context.Context, auth authn.Authenticator) []string {
	config, err := authn.Authorization(ctx, auth)
	if err != nil || config == nil {
		return nil
	}
	values := []string{config.Password, config.Auth, config.IdentityToken, config.RegistryToken}
	if config.Password != "" {
		values = append(values, base64.StdEncoding.EncodeToString([]byte(config.Username+":"+config.Password)))
	}
	return slices.DeleteFunc(values, func(value string) bool { return value == "" })
}
