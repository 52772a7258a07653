package source

import (
	"context"
	"net/http"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

// Sources resolves every kind of source. It may be used by several goroutines at
// once.
type Sources struct {
	o         Options
	guard     *egress.Guard
	transport http.RoundTripper // what every request is sent through
}

var _ Resolver = (*Sources)(nil)

// New makes Sources.
func New(o Options) *Sources {
	o = o.withDefaults()
	guard := egress.New(o.Guard)
	return &Sources{o: o, guard: guard, transport: &paced{inner: guard, window: o.SlowAfter}}
}

// Resolve pins the source of r. For a registry it always proves the caller's
// credentials there, also when r is pinned; for an object with a declared sha256 it
// asks nobody.
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

// Fingerprint tells the credentials apart that a request would use: "" when it
// names no pull secret, else the Secret's uid and resourceVersion. It costs one
// read of the Secret and asks nobody else.
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

// CloseIdleConnections closes the connections that are kept for later requests.
func (s *Sources) CloseIdleConnections() { s.guard.CloseIdleConnections() }
