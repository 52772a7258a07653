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
	switch {
	case sha256 != "":
		return render.Module{SHA256: sha256, Reference: knownReference(source, aw.Namespace)}, nil
	case source.Registry != nil:
		return o.fromRegistry(ctx, s, source.Registry.Image)
	case source.Object != nil:
		return fromURL(ctx, s, source.Object.URL)
	case source.ConfigMap != nil:
		return fromConfigMap(s, all, aw.Namespace, source)
	default:
		return render.Module{}, errors.New("spec.filter.source: nothing is set")
	}
}

// fromConfigMap reads the module from a ConfigMap that is in the file as well.
func fromConfigMap(s streams, all *manifests, namespace string, source v1alpha1.Source) (render.Module, error) {
	packed, found := all.module(namespace, source.ConfigMap)
	if !found {
		return render.Module{}, fmt.Errorf("the module is in ConfigMap %s/%s, which is not read from a cluster, and the file does not have it under binaryData.%s: "+
			"add the ConfigMap, or give the module's sha256 with --sha256", namespace, source.ConfigMap.Name, source.ConfigMap.Key)
	}
	content, err := image.Unpack(bytes.NewReader(packed), module.MaxSize)
	if err != nil {
		return render.Module{}, err
	}
	defer content.Close()
	return checked(s, content, knownReference(source, namespace))
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

func (o *renderOptions) fromRegistry(ctx context.Context, s streams, target string) (render.Module, error) {
	found, err := o.artifact(ctx, s, target)
	if err != nil {
		return render.Module{}, err
	}
	content, err := image.Open(ctx, found.image, module.MaxSize)
	if err != nil {
		return render.Module{}, err
	}
	defer content.Close()
	return checked(s, content, found.reference)
}

func fromURL(ctx context.Context, s streams, target string) (render.Module, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return render.Module{}, err
	}
	shown := text.WithoutQuery(target)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return render.Module{}, fmt.Errorf("GET %s: %w", shown, withoutURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return render.Module{}, fmt.Errorf("GET %s: %s", shown, response.Status)
	}
	content, err := image.Unpack(response.Body, module.MaxSize)
	if err != nil {
		return render.Module{}, fmt.Errorf("GET %s: %w", shown, err)
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
func checked(s streams, content io.Reader, reference string) (render.Module, error) {
	m, err := inspectModule(content, s.Err)
	if err != nil {
		return render.Module{}, err
	}
	return render.Module{SHA256: m.sha256, Reference: reference}, m.refusal
}
