// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// maxBundle bounds a caBundle, to which each rotation adds an authority: forced ones must not make it grow without end.
const maxBundle = 16

const pemCertificate = "CERTIFICATE"

// mergeCertificates returns those of old, in their order, and then the new ones of added. Expired certificates and
// duplicates (by their bytes) are dropped, and the first ones when there are more than maxBundle.
func mergeCertificates(old, added []*x509.Certificate, now time.Time) []*x509.Certificate {
	var out []*x509.Certificate
	for _, certificate := range slices.Concat(old, added) {
		if !now.After(certificate.NotAfter) && !slices.ContainsFunc(out, certificate.Equal) {
			out = append(out, certificate)
		}
	}
	return out[max(0, len(out)-maxBundle):]
}

// parseBundle skips what is not a certificate.
func parseBundle(bundle []byte) (out []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return out
		}
		if block.Type != pemCertificate {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, certificate)
		}
	}
}

func encodeBundle(certificates []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, certificate := range certificates {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: certificate.Raw}))
	}
	return out.Bytes()
}

// commonCertificates returns the certificates that are in every bundle.
func commonCertificates(bundles [][]*x509.Certificate) []*x509.Certificate {
	common := slices.Clone(bundles[0])
	for _, bundle := range bundles[1:] {
		common = slices.DeleteFunc(common, func(c *x509.Certificate) bool { return !slices.ContainsFunc(bundle, c.Equal) })
	}
	return common
}

// changesTo returns what has to be written to the webhooks of a configuration, and the bundles that they have then.
func changesTo(current *configuration, authority []*x509.Certificate, base string, now time.Time) (changes []webhookPatch, bundles [][]*x509.Certificate) {
	for _, hook := range current.webhooks {
		old := parseBundle(hook.client.CABundle)
		merged := mergeCertificates(old, authority, now)
		bundles = append(bundles, merged)
		wanted := clientPatch{CABundle: encodeBundle(merged)}
		wanted.redirect(hook.client, base)
		if !slices.EqualFunc(old, merged, (*x509.Certificate).Equal) || wanted.URL != "" { // however old is encoded
			changes = append(changes, webhookPatch{Name: hook.name, ClientConfig: wanted})
		}
	}
	return changes, bundles
}

// webhookPatch is an element of a strategic merge patch: the API server finds the webhook by its name.
type webhookPatch struct {
	Name         string      `json:"name"`
	ClientConfig clientPatch `json:"clientConfig"`
}

type clientPatch struct {
	CABundle []byte `json:"caBundle"`
	URL      string `json:"url,omitempty"`
	// Service is null, which removes it, beside a URL.
	Service json.RawMessage `json:"service,omitempty"`
}

// redirect sets the URL if base is set and current has another.
func (p *clientPatch) redirect(current admissionv1.WebhookClientConfig, base string) {
	if base == "" {
		return
	}
	target := strings.TrimSuffix(base, "/") + pathOf(current)
	if current.URL != nil && *current.URL == target {
		return
	}
	p.URL, p.Service = target, json.RawMessage("null")
}

// pathOf returns the path of a webhook, of its Service or of its URL.
func pathOf(c admissionv1.WebhookClientConfig) string {
	if c.Service != nil && c.Service.Path != nil {
		return *c.Service.Path
	}
	if c.URL == nil {
		return ""
	}
	u, err := url.Parse(*c.URL)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

// encodePatch names the resourceVersion that was read: when another replica was faster, the patch is a conflict.
func encodePatch(resourceVersion string, changes []webhookPatch) ([]byte, error) {
	return json.Marshal(map[string]any{
		"metadata": map[string]string{"resourceVersion": resourceVersion},
		"webhooks": changes,
	})
}
