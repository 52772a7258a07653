// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

// DefaultSlowAfter is the default of Options.SlowAfter.
const DefaultSlowAfter = 30 * time.Second

// Options configure Sources.
type Options struct {
	// Reader reads Secrets and ConfigMaps, best not a cache: one may just have been created. Without it there are
	// none.
	Reader client.Reader
	// Guard says which hosts and addresses may be reached, and which certificates are trusted.
	Guard egress.Options
	// MaxModuleBytes caps a module, after decompression; 0 means module.MaxSize.
	MaxModuleBytes int64
	// PlainHTTPHosts are the registries that get plain http, patterns as egress.Hosts has them. All others get https.
	PlainHTTPHosts []string
	// SlowAfter is how long a server may take for 64 KiB of a body, or it is Unavailable; 0 means DefaultSlowAfter.
	SlowAfter time.Duration
	// UserAgent is the User-Agent of all requests; "" means autowasm.
	UserAgent string
	// Keychain has credentials for registries for which the pull secret has none; nil has none.
	Keychain authn.Keychain
}

func (o Options) withDefaults() Options {
	o.MaxModuleBytes = cmp.Or(o.MaxModuleBytes, module.MaxSize)
	o.SlowAfter = cmp.Or(max(o.SlowAfter, 0), DefaultSlowAfter)
	o.UserAgent = cmp.Or(o.UserAgent, "autowasm")
	return o
}

// Sources resolves every kind of source. Its methods may be called concurrently.
type Sources struct {
	o         Options
	guard     *egress.Guard
	transport http.RoundTripper // of every request
	manifests *image.Verifier   // of all registries together
}

var _ Resolver = (*Sources)(nil)

// New returns Sources.
func New(o Options) *Sources {
	o = o.withDefaults()
	guard := egress.New(o.Guard)
	return &Sources{o: o, guard: guard, transport: &rateTransport{inner: guard, window: o.SlowAfter}, manifests: image.NewVerifier(maxLargeManifests)}
}

// Resolve pins the source of r. A registry always judges the caller's credentials, also when r is pinned; for an
// object with a declared sha256 no request is sent.
func (s *Sources) Resolve(ctx context.Context, r Request) (*Resolved, error) {
	switch {
	case r.Source.Registry != nil:
		return s.resolveImage(ctx, r)
	case r.Source.Object != nil:
		return s.resolveObject(ctx, *r.Source.Object)
	case r.Source.ConfigMap != nil:
		return s.resolveConfigMap(ctx, r)
	default:
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "the source is empty: set one of registry, object and configMap")
	}
}

// Fingerprint distinguishes the credentials that a request would use: "" when it names no pull secret, else the
// Secret's uid and resourceVersion. It reads the Secret and sends no other request.
func (s *Sources) Fingerprint(ctx context.Context, r Request) (string, error) {
	if r.Source.Registry == nil || r.Secret == "" {
		return "", nil
	}
	secret, err := s.readSecret(ctx, r)
	if err != nil {
		return "", err
	}
	return string(secret.UID) + "/" + secret.ResourceVersion, nil
}

// read reads an object of the cluster. None of its errors is terminal: the object may be created later.
func (s *Sources) read(ctx context.Context, key types.NamespacedName, into client.Object, kind string, missing v1alpha1.Reason) error {
	if s.o.Reader == nil {
		return failure.Transientf(missing, "%s %s cannot be read: there is no cluster to ask", kind, key)
	}
	err := s.o.Reader.Get(ctx, key, into)
	switch {
	case apierrors.IsNotFound(err):
		return failure.Transientf(missing, "%s %s does not exist (yet)", kind, key)
	case apierrors.IsForbidden(err) && kind == "Secret":
		return failure.Transientf(v1alpha1.ReasonUnavailable, "wasmer may not read Secret %s: have an administrator apply manifests/options/listed-secrets/namespace.yaml in namespace %s", key, key.Namespace)
	case err != nil:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "read %s %s: %w", kind, key, err)
	}
	return nil
}
