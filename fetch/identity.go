// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
)

// identity is what makes two requests the same: what they ask for, and with whose credentials.
type identity struct {
	// registry, image, preferred reference | object, URL, sha256 | configMap, name, key | module, sha256 for a fill
	kind, place, part string
	namespace         string // whose ConfigMap or pull secret, "" when neither is used
	credentials       string // fingerprint of the pull secret
	memorable         bool   // may be answered from memory
}

// ask is one namespace's request: none waits behind what another has waiting, also where both ask for the same.
type ask struct {
	identity
	tenant     string
	referenced bool
}

// claim is whom its module is put for.
func (a ask) claim() store.Claim { return store.Claim{Namespace: a.tenant, Referenced: a.referenced} }

// String names the source for messages.
func (id identity) String() string {
	switch id.kind {
	case "configMap":
		return "ConfigMap " + id.namespace + "/" + id.place + " key " + id.part
	case "registry":
		return "image " + cmp.Or(id.part, id.place)
	case "object":
		return cmp.Or(text.WithoutQuery(id.place), "an object")
	case "module":
		return "module " + id.place
	}
	return "no source"
}

// host is where the source lives, for limits that count per host.
func (id identity) host() string {
	switch id.kind {
	case "registry":
		return registryHost(id.place)
	case "object":
		if u, err := url.Parse(id.place); err == nil {
			return spelledOneWay(u.Host, u.Scheme)
		}
	}
	return ""
}

// identify reads no more than the credentials.
func (f *Fetcher) identify(ctx context.Context, r source.Request) (id identity, err error) {
	switch s := r.Source; {
	case s.Registry != nil:
		id.kind, id.place, id.part = "registry", s.Registry.Image, r.Preferred
		id.memorable = r.Preferred == "" && !source.ResolvesAgain(s)
	case s.Object != nil:
		id.kind, id.place, id.part = "object", s.Object.URL, s.Object.SHA256
		id.memorable = s.Object.SHA256 != ""
	case s.ConfigMap != nil:
		id.kind, id.place, id.part = "configMap", s.ConfigMap.Name, s.ConfigMap.Key
	}
	if r.Secret != "" || id.kind == "configMap" {
		id.namespace = r.Namespace
	}
	if id.credentials, err = f.o.Sources.Fingerprint(ctx, r); err != nil {
		return identity{}, failure.Wrapf(err, "read the credentials for %s", id)
	}
	return id, nil
}

// registryHost is the registry that an image is read from, "" for what is not the name of an image.
func registryHost(image string) string {
	ref, err := name.ParseReference(image)
	if err != nil {
		return ""
	}
	registry, err := name.NewRegistry(spelledOneWay(ref.Context().RegistryStr(), "https"))
	if err != nil {
		return ""
	}
	return registry.RegistryStr()
}

// spelledOneWay is the host of all spellings that name it: neither letter case counts nor the scheme's own port.
func spelledOneWay(host, scheme string) string {
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.TrimSuffix(strings.ToLower(host), port)
}
