package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

// resolvedModule is what rendering needs to know of a source.
type resolvedModule struct {
	sha256    string
	reference string // immutable; empty where only the source knows it
}

// module asks the source only for what is not known without it.
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

// knownReference is the reference of a source that tells it by itself.
func knownReference(source v1alpha1.Source, namespace string) string {
	switch {
	case source.Object != nil:
		return withoutQuery(source.Object.URL)
	case source.ConfigMap != nil:
		return fmt.Sprintf("configmap/%s/%s/%s", namespace, source.ConfigMap.Name, source.ConfigMap.Key)
	case source.Registry != nil:
		if digest, err := name.NewDigest(source.Registry.Image); err == nil {
			return digest.Context().Digest(digest.DigestStr()).String()
		}
	}
	return ""
}

// withoutQuery leaves out where signed URLs have their secrets.
func withoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.RawQuery, u.ForceQuery, u.Fragment = "", false, ""
	return u.String()
}

func (o *renderOptions) fromRegistry(ctx context.Context, s streams, target string) (resolvedModule, error) {
	ref, host, err := parseReference(target)
	if err != nil {
		return resolvedModule{}, err
	}
	client, err := o.client(host, s.In)
	if err != nil {
		return resolvedModule{}, err
	}
	found, err := client.artifact(ctx, ref)
	if err != nil {
		return resolvedModule{}, err
	}
	content, err := image.Module(ctx, found.image, module.MaxSize)
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
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return resolvedModule{}, fmt.Errorf("GET %s: %w", withoutQuery(target), cause(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return resolvedModule{}, fmt.Errorf("GET %s: %s", withoutQuery(target), response.Status)
	}
	content, err := image.Unpack(response.Body, module.MaxSize)
	if err != nil {
		return resolvedModule{}, fmt.Errorf("GET %s: %w", withoutQuery(target), err)
	}
	defer content.Close()
	return checked(s, content, withoutQuery(target))
}

// cause is an HTTP client's error without the URL, whose query it would show.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// checked hashes a module, and refuses what the server would.
func checked(s streams, content io.Reader, reference string) (resolvedModule, error) {
	f, err := os.CreateTemp("", "wasmc-*.wasm")
	if err != nil {
		return resolvedModule{}, err
	}
	defer discard(f)
	progress := newPullProgress(s.Err, content)
	defer progress.stop()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), progress); err != nil {
		return resolvedModule{}, err
	}
	if _, err := module.Inspect(f, progress.read); err != nil {
		return resolvedModule{}, err
	}
	return resolvedModule{hex.EncodeToString(hash.Sum(nil)), reference}, nil
}
