// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"io"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Request asks for the module of one AutoWasm.
type Request struct {
	// Namespace of the AutoWasm: its Secret and ConfigMap are read there.
	Namespace string
	// Name of the AutoWasm, for messages only.
	Name string
	// Source as the spec names it.
	Source v1alpha1.Source
	// Secret is the name of the pull secret, or "".
	Secret string
	// Preferred is a reference of the image by digest ("reg.example/x@sha256:…") that the Fetcher tries first, or "".
	Preferred string
	// Referenced says that proxies run the module already, as a status or an EnvoyFilter names it.
	Referenced bool
}

// RequestFor returns the request for the source of an AutoWasm, not pinned.
func RequestFor(aw *v1alpha1.AutoWasm) Request {
	return Request{Namespace: aw.Namespace, Name: aw.Name, Source: aw.Spec.Filter.Source, Secret: aw.Spec.Secret}
}

// Resolved is a source pinned to an identity.
type Resolved struct {
	// Reference is immutable: "reg.example/x@sha256:…", the object's URL, or "configmap/<namespace>/<name>/<key>".
	Reference string
	// Key is the identity that is downloaded once, and remembered with what it gave. It holds no credentials.
	Key string
	// SHA256 of the module where it is known before the fetch, else "".
	SHA256 string
	// Immutable is true when Key never stands for other bytes.
	Immutable bool
	// Open streams the module's bytes, extracted and capped.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Resolver pins a source to an identity with the caller's own credentials, which Fingerprint tells apart without a
// request to the source. Its errors are *failure.Error.
type Resolver interface {
	Resolve(ctx context.Context, r Request) (*Resolved, error)
	Fingerprint(ctx context.Context, r Request) (string, error)
}

// SourceID names a source as the spec does: while it stays the same, so does the module that it was resolved to. Of a
// URL's query, which may be a signature, it holds a hash: statuses are read by more people than specs.
func SourceID(s v1alpha1.Source) string {
	switch {
	case s.Registry != nil:
		return "registry:" + s.Registry.Image
	case s.Object != nil:
		return fmt.Sprintf("object:%s#%s", withQueryHashed(s.Object.URL), s.Object.SHA256)
	case s.ConfigMap != nil:
		return fmt.Sprintf("configmap:%s/%s", s.ConfigMap.Name, s.ConfigMap.Key)
	default:
		return ""
	}
}
