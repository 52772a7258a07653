package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/text"
)

// resolvedModule is what rendering needs of a source.
type resolvedModule struct {
	sha256    string
	reference string // immutable; "" when it is not known without the source
}

// module fetches the module only if its sha256 is not given.
func (o *renderOptions) module(ctx context.Context, s streams, aw *v1alpha1.AutoWasm) (resolvedModule, error) {
	source := aw.Spec.Filter.Source
	switch {
	case o.sha256 != "":
		return resolvedModule{o.sha256, knownReference(source, aw.Namespace)}, nil
	case source.Object != nil && source.Object.SHA256 != "":
		return resolvedModule{source.Object.SHA256, knownReference(source, aw.Namespace)}, nil
	case source.Registry != nil:
		return o.fromRegistry(ctx, s, source.Registry.Image)
	case source.Object != nil:
		return fromURL(ctx, s, source.Object.URL)
	default:
		return resolvedModule{}, fmt.Errorf("the module is in a ConfigMap, which is not read from here: give its sha256 with --sha256")
	}
}

// knownReference is the immutable reference that follows from the source alone, or "".
func knownReference(source v1alpha1.Source, namespace string) string {
	switch {
	case source.Object != nil:
		return text.WithoutQuery(source.Object.URL)
	case source.ConfigMap != nil:
		return fmt.Sprintf("configmap/%s/%s/%s", namespace, source.ConfigMap.Name, source.ConfigMap.Key)
	case source.Registry != nil:
		if digest, err := name.NewDigest(source.Registry.Image); err == nil {
			return digest.Context().Digest(digest.DigestStr()).String()
		}
	}
	return ""
}

func (o *renderOptions) fromRegistry(ctx context.Context, s streams, target string) (resolvedModule, error) {
	found, err := o.artifact(ctx, s, target)
	if err != nil {
		return resolvedModule{}, err
	}
	content, err := image.Open(ctx, found.image, module.MaxSize)
	if err != nil {
		return resolvedModule{}, err
	}
	defer content.Close()
	return checked(s, content, found.reference)
}

func fromURL(ctx context.Context, s streams, target string) (resolvedModule, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return resolvedModule{}, err
	}
	shown := text.WithoutQuery(target)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return resolvedModule{}, fmt.Errorf("GET %s: %w", shown, withoutURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return resolvedModule{}, fmt.Errorf("GET %s: %s", shown, response.Status)
	}
	content, err := image.Unpack(response.Body, module.MaxSize)
	if err != nil {
		return resolvedModule{}, fmt.Errorf("GET %s: %w", shown, err)
	}
	defer content.Close()
	return checked(s, content, shown)
}

// withoutURL is an HTTP client's error without the URL, whose query may be a secret.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// checked hashes a module, and refuses what the server would.
func checked(s streams, content io.Reader, reference string) (resolvedModule, error) {
	m, err := inspectModule(content, s.Err)
	if err != nil {
		return resolvedModule{}, err
	}
	return resolvedModule{m.sha256, reference}, m.refusal
}
