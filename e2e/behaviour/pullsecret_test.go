// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// mallory may not enter.
var mallory = suite.Login{Username: "mallory", Password: "not-mallorys-secret"}

// pushedPrivately pushes a module of its own for a test to the private registry
// and returns the image's reference.
func pushedPrivately(t *testing.T, repository string) string {
	t.Helper()
	img, err := image.Image(wasmtest.Module(wasmtest.Salt(t.Name()+repository)), "0.2.1")
	if err != nil {
		t.Fatalf("make an image: %v", err)
	}
	return cluster.PushPrivate(t, repository, img)
}

// TestDockercfgSecret: the older type of pull secrets is one, too.
func TestDockercfgSecret(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref := pushedPrivately(t, "pullsecret/dockercfg:v1")
	content := suite.Dockercfg(t, map[string]suite.Login{cluster.PrivateRegistry: cluster.Login()})
	cluster.Secret(t, ns, "old", corev1.SecretTypeDockercfg, content)
	synced(t, ns, suite.Manifest{Name: "old", Source: suite.Image(ref), Secret: "old"})
}

// TestPathScopedSecret: of several keys for one host, the one with the longest path
// that leads to the image counts, as it does for kubelet. It counts alone: invariant
// 6 would not hold if other credentials were tried after it.
func TestPathScopedSecret(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	inside, outside := pushedPrivately(t, "scoped/team/filter:v1"), pushedPrivately(t, "unscoped/filter:v1")
	path := cluster.PrivateRegistry + "/scoped/team"
	cluster.Secret(t, ns, "right-path", corev1.SecretTypeDockerConfigJson,
		suite.DockerConfigJSON(t, map[string]suite.Login{path: cluster.Login(), cluster.PrivateRegistry: mallory}))
	cluster.Secret(t, ns, "wrong-path", corev1.SecretTypeDockerConfigJson,
		suite.DockerConfigJSON(t, map[string]suite.Login{path: mallory, cluster.PrivateRegistry: cluster.Login()}))

	synced(t, ns, suite.Manifest{Name: "inside", Source: suite.Image(inside), Secret: "right-path"})
	synced(t, ns, suite.Manifest{Name: "outside", Source: suite.Image(outside), Secret: "wrong-path"})
	requireUnauthorized(t, ns, suite.Manifest{Name: "wrong-inside", Source: suite.Image(inside), Secret: "wrong-path"})
	requireUnauthorized(t, ns, suite.Manifest{Name: "wrong-outside", Source: suite.Image(outside), Secret: "right-path"})
}

// requireUnauthorized fails the test unless an AutoWasm is refused for its pull
// secret, without a word of what is in it.
func requireUnauthorized(t *testing.T, ns string, m suite.Manifest) {
	t.Helper()
	reason := cluster.Refused(t, ns, m.String(), m.Secret, cluster.PrivateRegistry)
	requireNoCredentials(t, "the refusal", reason)
	requireNeverWas(t, ns, m.Name)
}

// TestWildcardSecret: a key may have wildcards in its host, part by part.
func TestWildcardSecret(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref := pushedPrivately(t, "pullsecret/wildcard:v1")
	host, port, _ := strings.Cut(cluster.PrivateRegistry, ":")
	network := host[:strings.LastIndex(host, ".")]
	for name, key := range map[string]string{"fits": network + ".*:" + port, "too-short": "*:" + port} {
		cluster.Secret(t, ns, name, corev1.SecretTypeDockerConfigJson,
			suite.DockerConfigJSON(t, map[string]suite.Login{key: cluster.Login()}))
	}
	synced(t, ns, suite.Manifest{Name: "fits", Source: suite.Image(ref), Secret: "fits"})
	requireUnauthorized(t, ns, suite.Manifest{Name: "too-short", Source: suite.Image(ref), Secret: "too-short"})
}

// TestSecretsThatAreNone: a Secret that cannot be a pull secret is refused with
// what it is instead, and invariant 6 holds: what it contains is not shown.
func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref := pushedPrivately(t, "pullsecret/none:v1")
	const inside = "what-is-inside"
	tests := []struct {
		name  string
		kind  corev1.SecretType
		data  map[string][]byte
		words []string
	}{
		{"opaque", corev1.SecretTypeOpaque, map[string][]byte{"password": []byte(inside)},
			[]string{`is of type "Opaque"`, "kubernetes.io/dockerconfigjson", "kubectl create secret docker-registry"}},
		{"basic-auth", corev1.SecretTypeBasicAuth, map[string][]byte{"username": []byte("u"), "password": []byte(inside)},
			[]string{`is of type "kubernetes.io/basic-auth"`, "kubectl create secret docker-registry"}},
		{"garbled", corev1.SecretTypeDockerConfigJson, map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"a":{"auth":"` + inside + `"}}}`)},
			[]string{"is not a docker configuration", "kubectl create secret docker-registry"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster.Secret(t, ns, tt.name, tt.kind, tt.data)
			words := append(tt.words, ns+"/"+tt.name, "spec.secret")
			reason := cluster.Refused(t, ns, suite.Manifest{Name: tt.name, Source: suite.Image(ref), Secret: tt.name}.String(), words...)
			if strings.Contains(reason, inside) {
				t.Errorf("the refusal shows the Secret's content: %s", reason)
			}
		})
	}
}
