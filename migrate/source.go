// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"encoding/hex"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// fromURL is the source of a URL as Istio takes it: without a scheme it is an image.
func (m *migration) fromURL(d *draft, path, url, sha256 string) {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		scheme, rest = "oci", url
	}
	switch scheme {
	case "oci":
		d.filter.Source.Registry = &v1alpha1.RegistrySource{Image: d.imageOf(path, rest, sha256)}
	case "http", "https":
		d.filter.Source.Object = &v1alpha1.ObjectSource{URL: url, SHA256: d.hashOf(path, sha256)}
	case "file":
		m.fromFile(d, path, rest)
	default:
		d.refuse(path, "the scheme %q is not oci, http, https or file: correct it", scheme)
	}
}

// imageOf has Istio's sha256, which is that of the image's manifest, in its reference.
func (d *draft) imageOf(path, image, sha256 string) string {
	hash := d.hashOf(path, sha256)
	if hash == "" {
		return image
	}
	digest := "@sha256:" + hash
	if name, own, found := strings.Cut(image, "@"); found && "@"+own != digest {
		d.refuse(path, "the digests of %s and of sha256 are not the same: correct one", name)
	} else if found {
		return image
	}
	return image + digest
}

// hashOf returns a sha256 in lower case. Istio's own proxies take "nil" for none.
func (d *draft) hashOf(path, sha256 string) string {
	sha256 = strings.ToLower(strings.TrimPrefix(sha256, "sha256:"))
	if sha256 == "" || sha256 == "nil" {
		return ""
	}
	if raw, err := hex.DecodeString(sha256); err != nil || len(raw) != 32 {
		d.refuse(path, "its sha256 is not 64 hex digits: correct it, or remove it")
		return ""
	}
	return sha256
}

// fromFile is the source of a file that each proxy has: a ConfigMap that is mounted there, else what the user names.
func (m *migration) fromFile(d *draft, path, file string) {
	if m.options.Image != "" {
		d.filter.Source.Registry = &v1alpha1.RegistrySource{Image: m.options.Image}
		d.changed(path, "the file %s of each proxy is the module of image %s, as --image says", file, m.options.Image)
		return
	}
	d.refuse(path, "%s is a file of each proxy, and nothing in the input mounts it from a ConfigMap: add the Deployment whose annotations do, or push the file with wasmc push and name the image with --image", file)
}
