// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
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
	"github.com/autowasm/autowasm/render"
)

// module fetches the module only if its sha256 is not given.
func (o *renderOptions) module(ctx context.Context, s streams, all *manifests, aw *v1alpha1.AutoWasm) (render.Module, error) {
	source, sha256 := aw.Spec.Filter.Source, o.sha256
	if sha256 == "" && source.Object != nil {
		sha256 = source.Object.SHA256
	}
	if sha256 != "" {
		return render.Module{SHA256: sha256, Reference: knownReference(source, aw.Namespace)}, nil
	}
	content, reference, err := o.openSource(ctx, s, all, aw, "give the module's sha256 with --sha256")
	if err != nil {
		return render.Module{}, err
	}
	defer content.Close()
	return checked(s, content, reference)
}

// openSource opens the module of an AutoWasm, and returns its immutable reference if there is one. instead is what to do
// where the file does not have a ConfigMap.
func (o *registryOptions) openSource(
	ctx context.Context, s streams, all *manifests, aw *v1alpha1.AutoWasm, instead string,
) (content io.ReadCloser, reference string, err error) {
	switch source := aw.Spec.Filter.Source; {
	case source.Registry != nil:
		return o.openImage(ctx, s, source.Registry.Image)
	case source.Object != nil:
		return openURL(ctx, source.Object.URL)
	case source.ConfigMap != nil:
		return openConfigMap(all, aw.Namespace, source, instead)
	default:
		return nil, "", errors.New("spec.filter.source: nothing is set")
	}
}

// openConfigMap opens the module in a ConfigMap that is in the file as well.
func openConfigMap(all *manifests, namespace string, source v1alpha1.Source, instead string) (io.ReadCloser, string, error) {
	packed, found := all.module(namespace, source.ConfigMap)
	if !found {
		return nil, "", fmt.Errorf("the module is in ConfigMap %s/%s, which is not read from a cluster, and the file does not have it under binaryData.%s: "+
			"add the ConfigMap, or %s", namespace, source.ConfigMap.Name, source.ConfigMap.Key, instead)
	}
	content, err := image.Unpack(bytes.NewReader(packed), module.MaxSize)
	return content, knownReference(source, namespace), err
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

func (o *registryOptions) openImage(ctx context.Context, s streams, target string) (io.ReadCloser, string, error) {
	found, err := o.artifact(ctx, s, target)
	if err != nil {
		return nil, "", err
	}
	content, err := image.Open(ctx, found.image, module.MaxSize)
	if err != nil {
		return nil, "", err
	}
	return content, found.reference, nil
}

func openURL(ctx context.Context, target string) (io.ReadCloser, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, "", err
	}
	shown := text.WithoutQuery(target)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", fmt.Errorf("GET %s: %w", shown, withoutURL(err))
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, "", fmt.Errorf("GET %s: %s", shown, response.Status)
	}
	content, err := image.Unpack(response.Body, module.MaxSize)
	if err != nil {
		response.Body.Close()
		return nil, "", fmt.Errorf("GET %s: %w", shown, err)
	}
	return &unpackedBody{content, response.Body}, shown, nil
}

// unpackedBody is what is unpacked from a body, and closes both.
type unpackedBody struct {
	io.ReadCloser
	body io.Closer
}

// Close closes both.
func (u *unpackedBody) Close() error { return errors.Join(u.ReadCloser.Close(), u.body.Close()) }

// withoutURL is an HTTP client's error without the URL, whose query may be a secret.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// checked hashes a module, and refuses what the server would.
func checked(s streams, content io.Reader, reference string) (render.Module, error) {
	m, err := inspectModule(content, s.Err)
	if err != nil {
		return render.Module{}, err
	}
	return render.Module{SHA256: m.sha256, Reference: reference}, m.refusal
}
