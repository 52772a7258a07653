// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The credentials of all tests. No message may hold any of them.
const (
	username = "robot"
	password = "pa55-w0rd-very-s3cret"
	basic    = "cm9ib3Q6cGE1NS13MHJkLXZlcnktczNjcmV0" // base64 of both
	token    = "t0ken-of-the-service"
	wrong    = "wr0ng-pa55"
	signed   = "s1gnature"
)

var secrets = []string{password, basic, token, wrong, signed}

// limit of a module in all tests.
const limit = 64 << 10

// failed is what is compared of a failure.
type failed struct {
	Reason     v1alpha1.Reason
	Terminal   bool
	RetryAfter time.Duration
}

func terminal(r v1alpha1.Reason) failed  { return failed{Reason: r, Terminal: true} }
func transient(r v1alpha1.Reason) failed { return failed{Reason: r} }

// wantFailure compares a failure, and wants words in its message and no credentials.
func wantFailure(t *testing.T, err error, want failed, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v", want)
	}
	f, ok := err.(*failure.Error) //nolint:errorlint // it must be one itself
	if !ok {
		t.Fatalf("%T is not a *failure.Error: %v", err, err)
	}
	if got := (failed{f.Reason, f.Terminal, f.RetryAfter}); got != want {
		t.Errorf("got %v, want %v: %v", got, want, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("message %q lacks %q", err, word)
		}
	}
	noSecrets(t, err.Error())
}

func noSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("a credential is in %q", text)
		}
	}
}

// cluster is a client.Reader of a few objects.
type cluster []client.Object

func (cluster) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("nothing is listed")
}

func (c cluster) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	for _, found := range c {
		if client.ObjectKeyFromObject(found) != key {
			continue
		}
		switch into := obj.(type) {
		case *corev1.Secret:
			if secret, ok := found.(*corev1.Secret); ok {
				secret.DeepCopyInto(into)
				return nil
			}
		case *corev1.ConfigMap:
			if cm, ok := found.(*corev1.ConfigMap); ok {
				cm.DeepCopyInto(into)
				return nil
			}
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: "objects"}, key.Name)
}

// broken is a client.Reader that fails.
type broken struct {
	client.Reader
	err error
}

func (b broken) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return b.err
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "7"}
}

// pullSecret has credentials under each of the keys.
func pullSecret(password string, keys ...string) *corev1.Secret {
	auths := map[string]map[string]string{}
	for _, key := range keys {
		auths[key] = map[string]string{"username": username, "password": password}
	}
	content, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		panic(err)
	}
	return &corev1.Secret{ObjectMeta: meta("regcred"), Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: content}}
}

// newSources makes sources that may reach this machine. All hosts given are
// registries without TLS.
func newSources(t *testing.T, reader client.Reader, plain ...string) *source.Sources {
	t.Helper()
	return newSourcesWith(t, source.Options{Reader: reader, PlainHTTPHosts: plain})
}

func newSourcesWith(t *testing.T, o source.Options) *source.Sources {
	t.Helper()
	o.Guard.AllowLoopback = true
	o.MaxModuleBytes = limit
	s := source.New(o)
	t.Cleanup(s.CloseIdleConnections)
	return s
}

func newServer(t *testing.T, handler http.Handler) (*httptest.Server, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server, strings.TrimPrefix(server.URL, "http://")
}

func imageRequest(image, secret string) source.Request {
	return source.Request{Namespace: "team", Name: "test", Secret: secret, Source: v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: image}}}
}

func objectRequest(url, sha256 string) source.Request {
	return source.Request{Namespace: "team", Name: "test", Source: v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url, SHA256: sha256}}}
}

func configMapRequest(name, key string) source.Request {
	return source.Request{Namespace: "team", Name: "test", Source: v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: name, Key: key}}}
}

// read resolves and reads a module whole.
func read(ctx context.Context, s *source.Sources, r source.Request) (*source.Resolved, []byte, error) {
	resolved, err := s.Resolve(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	stream, err := resolved.Open(ctx)
	if err != nil {
		return resolved, nil, err
	}
	defer stream.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(stream)
	return resolved, content, err
}
