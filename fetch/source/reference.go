package source

import (
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

// parseImage reads an image reference, and takes the pinned one in its place when
// that is of the same repository: a pin comes from a status, which must not lead
// credentials elsewhere.
func (s *Sources) parseImage(image, pinned string) (name.Reference, error) {
	ref, err := s.parseReference(image)
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "image %q is not a reference such as registry.example/team/filter:v1: %w", image, err)
	}
	if _, ok := ref.(name.Digest); ok || pinned == "" {
		return ref, nil
	}
	pin, err := s.parseReference(pinned)
	if err != nil {
		return ref, nil
	}
	if digest, ok := pin.(name.Digest); ok && digest.Context().Name() == ref.Context().Name() {
		return digest, nil
	}
	return ref, nil
}

// parseReference chooses the scheme: the registry client would speak plain http to
// any private address.
func (s *Sources) parseReference(reference string) (name.Reference, error) {
	ref, err := name.ParseReference(reference)
	if err != nil || !s.plainHTTP(ref.Context().RegistryStr()) {
		return ref, err
	}
	return name.ParseReference(reference, name.Insecure)
}

func (s *Sources) plainHTTP(registry string) bool {
	return egress.Hosts(s.o.PlainHTTPHosts).Match(registry)
}
