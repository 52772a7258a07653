package certs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
)

// configuration is what the two kinds of webhook configuration have in common.
type configuration struct {
	resourceVersion string
	webhooks        []webhook
}

type webhook struct {
	name   string
	client admissionv1.WebhookClientConfig
}

// injectInto returns the bundles that the webhooks of target have afterwards;
// none when there is no such configuration.
func (i *injector) injectInto(ctx context.Context, target target, authority []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	current, err := target.get()
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", target, err)
	}
	changes, bundles := i.changes(current, authority, now)
	if len(changes) == 0 {
		return bundles, nil
	}
	patch, err := encodePatch(current.resourceVersion, changes)
	if err != nil {
		return nil, fmt.Errorf("encode the caBundle of %s: %w", target, err)
	}
	if err := target.patch(ctx, patch); err != nil {
		return nil, fmt.Errorf("write the caBundle of %s: %w", target, err)
	}
	ctrl.LoggerFrom(ctx).Info("Wrote the caBundle", "configuration", target.String(), "webhooks", len(changes), "authorities", len(bundles[0]))
	return bundles, nil
}

// changes returns what has to be written, webhook by webhook, and the bundles that
// all of them have in the end.
func (i *injector) changes(current *configuration, authority []*x509.Certificate, now time.Time) (changes []webhookPatch, bundles [][]*x509.Certificate) {
	for _, hook := range current.webhooks {
		old := parseBundle(hook.client.CABundle)
		merged := mergeCertificates(old, authority, now)
		bundles = append(bundles, merged)
		wanted := clientPatch{CABundle: encodeBundle(merged)}
		wanted.redirect(hook.client, i.url)
		if !sameCertificates(old, merged) || wanted.URL != "" {
			changes = append(changes, webhookPatch{Name: hook.name, ClientConfig: wanted})
		}
	}
	return changes, bundles
}

// webhookPatch is an element of a strategic merge patch: the API server finds the
// webhook by its name and touches nothing else of it.
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

// redirect sets a URL where base asks for one and current has another.
func (p *clientPatch) redirect(current admissionv1.WebhookClientConfig, base string) {
	if base == "" {
		return
	}
	url := strings.TrimSuffix(base, "/") + pathOf(current)
	if current.URL != nil && *current.URL == url {
		return
	}
	p.URL, p.Service = url, json.RawMessage("null")
}

// pathOf returns the path of a webhook, of its Service or of its URL.
func pathOf(c admissionv1.WebhookClientConfig) string {
	if c.Service != nil && c.Service.Path != nil {
		return *c.Service.Path
	}
	if c.URL == nil {
		return ""
	}
	_, rest, _ := strings.Cut(*c.URL, "://")
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return rest[slash:]
	}
	return ""
}

// encodePatch names the version that was read, so that the API server refuses the
// patch with a conflict when somebody else was faster.
func encodePatch(resourceVersion string, changes []webhookPatch) ([]byte, error) {
	type metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	}
	return json.Marshal(struct {
		Metadata metadata       `json:"metadata"`
		Webhooks []webhookPatch `json:"webhooks"`
	}{metadata{resourceVersion}, changes})
}

func inAll(bundles [][]*x509.Certificate, certificate *x509.Certificate) bool {
	for _, bundle := range bundles {
		if !slices.ContainsFunc(bundle, certificate.Equal) {
			return false
		}
	}
	return true
}
