// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxLargeManifests are parsed at once, each in at most some 20 MB. Modules do not have any.
const maxLargeManifests = 4

// oneRetry is all that the registry client may retry by itself, and only after a connection broke: it sleeps whatever
// its context says, and the fetcher retries anyway.
var oneRetry = remote.Backoff{Duration: 100 * time.Millisecond, Factor: 1, Steps: 2}

func (s *Sources) resolveImage(ctx context.Context, r Request) (*Resolved, error) {
	ref, err := s.parseImage(r.Source.Registry.Image)
	if err != nil {
		return nil, err
	}
	found, err := s.credentials(ctx, r, ref.Context())
	if err != nil {
		return nil, err
	}
	session, err := s.newSession(ref.Context(), found)
	if err != nil {
		return nil, err
	}
	digest, err := session.digest(ctx, ref)
	if err != nil {
		return nil, err
	}
	pinned := ref.Context().Digest(digest.String())
	return &Resolved{
		Reference: pinned.String(),
		Key:       pinned.String(),
		Immutable: true,
		Open:      func(ctx context.Context) (io.ReadCloser, error) { return session.open(ctx, pinned, s.o.MaxModuleBytes) },
	}, nil
}

// parseImage chooses the scheme: the registry client would speak plain http to any private address.
func (s *Sources) parseImage(image string) (name.Reference, error) {
	ref, err := name.ParseReference(image)
	if err == nil && s.plainHTTP(ref.Context().RegistryStr()) {
		ref, err = name.ParseReference(image, name.Insecure)
	}
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "image %q is not a reference such as registry.example/team/filter:v1: %w", image, err)
	}
	return ref, nil
}

func (s *Sources) plainHTTP(registry string) bool {
	return egress.Hosts(s.o.PlainHTTPHosts).Match(registry)
}

// session is a client for one repository with one request's credentials. It logs in once.
type session struct {
	repo        name.Repository
	credentials credentials
	puller      *remote.Puller
}

func (s *Sources) newSession(repo name.Repository, c credentials) (*session, error) {
	puller, err := remote.NewPuller(
		remote.WithTransport(s.manifests.Transport(&registryTransport{inner: s.transport, repo: repo, scheme: s.scheme(repo)})),
		remote.WithAuth(c.auth),
		remote.WithRetryBackoff(oneRetry),
		remote.WithRetryStatusCodes(),
		remote.WithUserAgent(s.o.UserAgent),
	)
	if err != nil {
		return nil, failure.Transientf(v1alpha1.ReasonUnavailable, "set up the client for %s: %w", repo.RegistryStr(), err)
	}
	return &session{repo: repo, credentials: c, puller: puller}, nil
}

func (s *Sources) scheme(repo name.Repository) string {
	if s.plainHTTP(repo.RegistryStr()) {
		return "http"
	}
	return "https"
}

// digest resolves a reference, best by a HEAD: registries do not count it as a pull. Reading verifies the manifest.
func (s *session) digest(ctx context.Context, ref name.Reference) (v1.Hash, error) {
	head, err := s.puller.Head(ctx, ref)
	if err == nil {
		return head.Digest, nil
	}
	if retryWithGet(err) {
		var got *remote.Descriptor
		if got, err = s.puller.Get(ctx, ref); err == nil {
			return got.Digest, nil
		}
	}
	return v1.Hash{}, s.explain(ctx, err, "look up "+ref.Name())
}

// retryWithGet reports whether a GET may succeed where a HEAD did not: some registries leave out its headers, and it
// has no body to say why it failed. A refusal is final.
func retryWithGet(err error) bool {
	if _, ok := errors.AsType[*failure.Error](err); ok {
		return false
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return false
	}
	answer, ok := errors.AsType[*transport.Error](err)
	return !ok || answer.Request != nil && answer.Request.Method == "HEAD" && !refusesAccess(answer.StatusCode)
}

func (s *session) open(ctx context.Context, ref name.Digest, max int64) (io.ReadCloser, error) {
	what := "read " + ref.String()
	found, err := s.puller.Get(ctx, ref)
	if err != nil {
		return nil, s.explain(ctx, err, what)
	}
	img, err := image.FromDescriptor(found)
	if err != nil {
		return nil, s.explain(ctx, err, what)
	}
	stream, err := image.Open(ctx, img, max)
	if err != nil {
		return nil, s.explain(ctx, err, what)
	}
	return &explainedBody{ReadCloser: stream, explain: func(err error) error { return s.explain(ctx, err, what) }}, nil
}
