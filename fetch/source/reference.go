package source

import (
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/egress"
	"github.com/autowasm/autowasm/internal/failure"
)

// parseImage reads an image reference.
func (s *Sources) parseImage(image string) (name.Reference, error) {
	ref, err := s.parseReference(image)
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonInvalidSource, "image %q is not a reference such as registry.example/team/filter:v1: %w", image, err)
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
