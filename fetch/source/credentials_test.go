// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
)

func secretOf(kind corev1.SecretType, key, content string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: meta("regcred"), Type: kind, Data: map[string][]byte{key: []byte(content)}}
}

func dockerConfig(content string) *corev1.Secret {
	return secretOf(corev1.SecretTypeDockerConfigJson, corev1.DockerConfigJsonKey, content)
}

func TestPullSecrets(t *testing.T) {
	for name, kind := range map[string]auth{"basic": basicAuth, "bearer": bearerAuth} {
		r := newRegistry(t, kind)
		r.push(t, "team/filter:v1", filterImage(t, filter))
		port := r.host[strings.LastIndex(r.host, ":"):]
		tests := []struct {
			name    string
			secret  *corev1.Secret
			admits  bool
			message string
		}{
			{"host", pullSecret(password, r.host), true, ""},
			{"host with scheme", pullSecret(password, "http://"+r.host), true, ""},
			{"host with version", pullSecret(password, "https://"+r.host+"/v1/"), true, ""},
			{"path", pullSecret(password, r.host+"/team"), true, ""},
			{"whole path", pullSecret(password, r.host+"/team/filter"), true, ""},
			{"wildcard", pullSecret(password, "*.*.0.1"+port), true, ""},
			{"among others", pullSecret(password, "reg.example", r.host, "other.example/team"), true, ""},
			{"auth field", dockerConfig(fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.host, basic)), true, ""},
			{"dockercfg", secretOf(corev1.SecretTypeDockercfg, corev1.DockerConfigKey, fmt.Sprintf(`{%q:{"username":%q,"password":%q}}`, r.host, username, password)), true, ""},

			{"wrong password", pullSecret(wrong, r.host), false, "check that the image exists and that the credentials in Secret team/regcred may pull " + r.host + "/team/filter"},
			{"other host", pullSecret(password, "reg.example"), false, "Secret team/regcred has no entry for " + r.host + "/team/filter: add one"},
			{"other port", pullSecret(password, "127.0.0.1:1"), false, "has no entry for "},
			{"other path", pullSecret(password, r.host+"/other"), false, "has no entry for "},
			{"no entries", dockerConfig(`{"auths":{}}`), false, "has no entry for "},
			{"no auths", dockerConfig(`{}`), false, "has no entry for "},
		}
		for _, tt := range tests {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				_, got, err := read(t.Context(), newSources(t, cluster{tt.secret}, r.host), imageRequest(r.host+"/team/filter:v1", "regcred"))
				if !tt.admits {
					wantFailure(t, err, terminal(v1alpha1.ReasonUnauthorized), tt.message)
					if strings.Contains(err.Error(), "reg.example") {
						t.Errorf("the message names another entry of the Secret: %v", err)
					}
					return
				}
				if err != nil || !bytes.Equal(got, filter) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			})
		}
	}
}

func TestLongestKeyCounts(t *testing.T) {
	r := newRegistry(t, basicAuth)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	secret := dockerConfig(fmt.Sprintf(`{"auths":{%q:{"username":"x","password":%q},%q:{"username":%q,"password":%q}}}`,
		r.host, wrong, r.host+"/team", username, password))
	if _, err := newSources(t, cluster{secret}, r.host).Resolve(t.Context(), imageRequest(r.host+"/team/filter:v1", "regcred")); err != nil {
		t.Error(err)
	}
}

func TestNoSecret(t *testing.T) {
	r := newRegistry(t, basicAuth)
	_, err := newSources(t, nil, r.host).Resolve(t.Context(), imageRequest(r.host+"/team/filter:v1", ""))
	wantFailure(t, err, terminal(v1alpha1.ReasonUnauthorized), "set spec.secret to a pull secret with an entry for "+r.host)
}

func TestUnreadableSecrets(t *testing.T) {
	const remedy = "create it with kubectl create secret docker-registry"
	tests := []struct {
		name   string
		reader client.Reader
		want   failed
		words  []string
	}{
		{"missing", cluster{}, transient(v1alpha1.ReasonSecretNotFound), []string{"Secret team/regcred does not exist (yet)"}},
		{"no cluster", nil, transient(v1alpha1.ReasonSecretNotFound), []string{"there is no cluster to ask"}},
		{"cluster fails", broken{err: errors.New("boom")}, transient(v1alpha1.ReasonUnavailable), []string{"read Secret team/regcred: boom"}},
		{
			"not listed", broken{err: apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "regcred", nil)}, transient(v1alpha1.ReasonUnavailable),
			[]string{"wasmer may not read Secret team/regcred", "manifests/options/listed-secrets/namespace.yaml in namespace team"},
		},
		{"other type", cluster{secretOf(corev1.SecretTypeOpaque, corev1.DockerConfigJsonKey, "{}")}, terminal(v1alpha1.ReasonInvalidSecret), []string{`of type "Opaque"`, remedy}},
		{"no key", cluster{secretOf(corev1.SecretTypeDockerConfigJson, "other", "{}")}, terminal(v1alpha1.ReasonInvalidSecret), []string{"has no key .dockerconfigjson", remedy}},
		{"the other type's key", cluster{secretOf(corev1.SecretTypeDockercfg, corev1.DockerConfigJsonKey, "{}")}, terminal(v1alpha1.ReasonInvalidSecret), []string{"has no key .dockercfg", remedy}},
		{"empty", cluster{dockerConfig("")}, terminal(v1alpha1.ReasonInvalidSecret), []string{remedy}},
		{"no JSON", cluster{dockerConfig(password)}, terminal(v1alpha1.ReasonInvalidSecret), []string{"key .dockerconfigjson of Secret team/regcred", remedy}},
		{"other JSON", cluster{dockerConfig(`{"auths":["` + password + `"]}`)}, terminal(v1alpha1.ReasonInvalidSecret), []string{remedy}},
		{"no base64", cluster{dockerConfig(`{"auths":{"reg.example":{"auth":"` + password + `"}}}`)}, terminal(v1alpha1.ReasonInvalidSecret), []string{remedy}},
		{"no colon", cluster{dockerConfig(`{"auths":{"reg.example":{"auth":"` + base64.StdEncoding.EncodeToString([]byte(token)) + `"}}}`)}, terminal(v1alpha1.ReasonInvalidSecret), []string{remedy}},
		{"bad key", cluster{dockerConfig(`{"auths":{"%zz` + password + `":{}}}`)}, terminal(v1alpha1.ReasonInvalidSecret), []string{remedy}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newSources(t, tt.reader).Resolve(t.Context(), imageRequest("reg.example/team/filter:v1", "regcred"))
			wantFailure(t, err, tt.want, tt.words...)
		})
	}
}

func TestFingerprint(t *testing.T) {
	s := newSources(t, cluster{pullSecret(password, "reg.example")})
	tests := []struct {
		name    string
		request source.Request
		want    string
	}{
		{"no secret", imageRequest("reg.example/x/y:v1", ""), ""},
		{"secret", imageRequest("reg.example/x/y:v1", "regcred"), "uid-regcred/7"},
		{"an object needs none", func() source.Request {
			r := objectRequest("https://bucket.example/x", "")
			r.Secret = "regcred"
			return r
		}(), ""},
	}
	for _, tt := range tests {
		got, err := s.Fingerprint(t.Context(), tt.request)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	_, err := s.Fingerprint(t.Context(), imageRequest("reg.example/x/y:v1", "gone"))
	wantFailure(t, err, transient(v1alpha1.ReasonSecretNotFound))
}

// keychain has credentials for one host.
type keychain struct{ host, password string }

func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if target.RegistryStr() != k.host {
		return nil, errors.New("no keychain: " + password)
	}
	return authn.FromConfig(authn.AuthConfig{Username: username, Password: k.password}), nil
}

func TestKeychain(t *testing.T) {
	r := newRegistry(t, basicAuth)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	tests := []struct {
		name     string
		keychain authn.Keychain
		secret   *corev1.Secret
		want     *failed
		words    string
	}{
		{"keychain alone", keychain{r.host, password}, nil, nil, ""},
		{"secret without an entry", keychain{r.host, password}, pullSecret(wrong, "reg.example"), nil, ""},
		{"the secret comes first", keychain{r.host, wrong}, pullSecret(password, r.host), nil, ""},
		{"the secret comes first, wrong", keychain{r.host, password}, pullSecret(wrong, r.host), &failed{v1alpha1.ReasonUnauthorized, true, 0}, "Secret team/regcred"},
		{"wrong keychain", keychain{r.host, wrong}, nil, &failed{v1alpha1.ReasonUnauthorized, true, 0}, "the server's own credentials"},
		{"broken keychain", keychain{"reg.example", wrong}, nil, &failed{v1alpha1.ReasonUnavailable, false, 0}, "keychain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, request := cluster{}, imageRequest(r.host+"/team/filter:v1", "")
			if tt.secret != nil {
				objects, request.Secret = cluster{tt.secret}, "regcred"
			}
			s := newSourcesWith(t, source.Options{Reader: objects, PlainHTTPHosts: []string{r.host}, Keychain: tt.keychain})
			_, err := s.Resolve(t.Context(), request)
			if tt.want != nil {
				wantFailure(t, err, *tt.want, tt.words)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// Blobs are often kept elsewhere: neither the password nor the token goes there.
func TestCredentialsStayWithTheRegistry(t *testing.T) {
	for name, kind := range map[string]auth{"basic": basicAuth, "bearer": bearerAuth} {
		t.Run(name, func(t *testing.T) {
			var got []string
			r := newRegistry(t, kind)
			storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				for _, values := range req.Header {
					got = append(got, values...)
				}
				req.URL.RawQuery = ""
				r.storage.ServeHTTP(w, req)
			}))
			defer storage.Close()
			r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = at("/blobs/", func(w http.ResponseWriter, req *http.Request) {
				redirectTo(storage.URL+req.URL.Path+"?signature="+signed)(w, req)
			})
			_, content, err := read(t.Context(), newSources(t, cluster{pullSecret(password, r.host)}, r.host), imageRequest(r.host+"/team/filter:v1", "regcred"))
			if err != nil || !bytes.Equal(content, filter) {
				t.Fatalf("read %d bytes, %v", len(content), err)
			}
			if len(got) == 0 {
				t.Fatal("the storage got no request")
			}
			noSecrets(t, strings.Join(got, " "))
		})
	}
}
