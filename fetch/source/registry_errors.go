// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// explain classifies an error of the registry client, under a message of our own.
func (s *session) explain(ctx context.Context, err error, what string) error {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return reworded(known, what+": "+s.redact(known.Error()))
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		return s.explainAnswer(answer, what)
	}
	if f := s.explainClient(err); f != nil {
		return reworded(f, what+": "+f.Error())
	}
	return explainNetwork(ctx, err, what, s.redact)
}

// explainAnswer classifies a status that the registry, its token service or the storage behind it answered.
func (s *session) explainAnswer(answer *transport.Error, what string) error {
	host, code := s.repo.RegistryStr(), codeOf(answer)
	if answer.Request == nil {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%s: %s answered %s", what, host, code)
	}
	if answer.Request.Response != nil {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%s: %s, to which %s redirects, answered %s", what, answer.Request.URL.Host, host, code)
	}
	switch at := partOf(s.repo, answer.Request); {
	case refusesAccess(answer.StatusCode):
		return failure.Terminalf(v1alpha1.ReasonUnauthorized, "%s: %s refused access (%s): %s", what, answer.Request.URL.Host, code, s.accessRemedy())
	case at == partManifest && isGone(answer.StatusCode):
		return failure.Terminalf(v1alpha1.ReasonNotFound, "%s: %s does not have it (%s): check the name and the tag", what, host, code)
	case at == partManifest && answer.StatusCode == http.StatusBadRequest:
		return failure.Terminalf(v1alpha1.ReasonInvalidSource, "%s: %s does not accept the reference (%s)", what, host, code)
	case at == partBlob:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%s: %s has the manifest, but answered %s for a layer", what, host, code)
	case at == partPing:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%s: %s does not look like a registry: it answered %s for /v2/", what, host, code)
	default:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%s: %s answered %s", what, answer.Request.URL.Host, code)
	}
}

// accessRemedy says what to do about a refusal, and never what credentials there are.
func (s *session) accessRemedy() string {
	host := s.repo.RegistryStr()
	if host == dockerHub {
		host = dockerIO
	}
	image := host + "/" + s.repo.RepositoryStr()
	switch {
	case !s.credentials.anonymous() && s.credentials.secret != "":
		return fmt.Sprintf("check that the image exists and that the credentials in Secret %s may pull %s", s.credentials.secret, image)
	case !s.credentials.anonymous():
		return fmt.Sprintf("check that the image exists and that the server's own credentials may pull %s", image)
	case s.credentials.secret != "":
		return fmt.Sprintf("Secret %s has no entry for %s: add one", s.credentials.secret, image)
	default:
		return fmt.Sprintf("check that the image exists, and if it is private, set spec.secret to a pull secret with an entry for %s", host)
	}
}

// explainClient recognises the errors of the registry client's own checks, some of them by no more than the text.
func (s *session) explainClient(err error) *failure.Error {
	host := s.repo.RegistryStr()
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	text := err.Error()
	switch {
	case errors.Is(err, remote.ErrSchema1):
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "it is in docker's old format (schema 1): push it again with a current tool")
	case strings.Contains(text, "does not match requested digest"), strings.Contains(text, "error verifying "):
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s sent content with another digest", host)
	case strings.Contains(text, "SSRF protection: "), strings.Contains(text, "is a private or link-local address"):
		return failure.Terminalf(v1alpha1.ReasonAddressRefused, "%s points to a private address of another host", host)
	case strings.Contains(text, "no token in bearer response"), strings.Contains(text, "www-authenticate"):
		return failure.Transientf(v1alpha1.ReasonUnavailable, "the token service of %s does not answer as one", host)
	}
	return nil
}

// errorCode is the form of a registry's error code, which is the only thing of an answer's body that is repeated.
var errorCode = regexp.MustCompile(`^[A-Z_]{1,40}$`)

func codeOf(answer *transport.Error) string {
	text := statusText(answer.StatusCode)
	for _, diagnostic := range answer.Errors {
		if code := string(diagnostic.Code); errorCode.MatchString(code) {
			return text + ", " + code
		}
	}
	return text
}

// redact takes the credentials out of a text that is not ours.
func (s *session) redact(text string) string {
	for _, value := range s.credentials.values {
		text = strings.ReplaceAll(text, value, "REDACTED")
	}
	return text
}
