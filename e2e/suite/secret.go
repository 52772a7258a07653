// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Login is a user of a registry.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Login is the private registry's only user.
func (c *Cluster) Login() Login {
	return Login{Username: c.PrivateRegistryUsername, Password: c.PrivateRegistryPassword}
}

// DockerConfigJSON is the content of a pull secret of the type
// kubernetes.io/dockerconfigjson.
func DockerConfigJSON(t testing.TB, auths map[string]Login) map[string][]byte {
	t.Helper()
	return map[string][]byte{corev1.DockerConfigJsonKey: encode(t, map[string]any{"auths": auths})}
}

// Dockercfg is the content of a pull secret of the older type
// kubernetes.io/dockercfg.
func Dockercfg(t testing.TB, auths map[string]Login) map[string][]byte {
	t.Helper()
	return map[string][]byte{corev1.DockerConfigKey: encode(t, auths)}
}

// Secret makes a Secret.
func (c *Cluster) Secret(t testing.TB, namespace, name string, kind corev1.SecretType, data map[string][]byte) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Type: kind, Data: data}
	if err := c.Client.Create(t.Context(), secret); err != nil {
		t.Fatalf("create Secret %s/%s: %v", namespace, name, err)
	}
	return secret
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("encode a docker configuration: %v", err)
	}
	return encoded
}
