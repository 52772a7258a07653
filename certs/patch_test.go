package certs

import (
	"crypto/x509"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

func service(bundle []byte) admissionv1.WebhookClientConfig {
	return admissionv1.WebhookClientConfig{
		Service:  &admissionv1.ServiceReference{Namespace: "istio-system", Name: "wasmer-webhook", Path: new("/validate-autowasm")},
		CABundle: bundle,
	}
}

func at(url string, bundle []byte) admissionv1.WebhookClientConfig {
	return admissionv1.WebhookClientConfig{URL: &url, CABundle: bundle}
}

// TestChanges compares the patch, as it is sent, for one webhook "v".
func TestChanges(t *testing.T) {
	old, current := newCA(t, time.Hour), newCA(t, time.Hour)
	both := slices.Concat(old.pem(), current.pem())
	in64 := base64.StdEncoding.EncodeToString
	patch := func(client string) string {
		return `{"metadata":{"resourceVersion":"7"},"webhooks":[{"name":"v","clientConfig":{` + client + `}}]}`
	}
	const dev = "https://127.0.0.1:9443/"
	tests := map[string]struct {
		client admissionv1.WebhookClientConfig
		url    string
		want   string
	}{
		"empty":             {service(nil), "", patch(`"caBundle":"` + in64(current.pem()) + `"`)},
		"current":           {service(current.pem()), "", ""},
		"written otherwise": {service(slices.Concat([]byte("# by hand\n"), current.pem(), []byte("\n\n"))), "", ""},
		"rotation":          {service(old.pem()), "", patch(`"caBundle":"` + in64(both) + `"`)},
		"redirect": {service(current.pem()), dev, patch(`"caBundle":"` + in64(current.pem()) +
			`","url":"https://127.0.0.1:9443/validate-autowasm","service":null`)},
		"redirected": {at("https://127.0.0.1:9443/validate-autowasm", current.pem()), dev, ""},
		"other port": {at("https://127.0.0.1:1/validate-autowasm", current.pem()), dev, patch(`"caBundle":"` + in64(current.pem()) +
			`","url":"https://127.0.0.1:9443/validate-autowasm","service":null`)},
		"no path": {at("https://127.0.0.1:1", current.pem()), "https://127.0.0.1:2", patch(`"caBundle":"` + in64(current.pem()) +
			`","url":"https://127.0.0.1:2","service":null`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			i := &injector{url: test.url}
			changes, bundles := i.changes(&configuration{resourceVersion: "7", webhooks: []webhook{{"v", test.client}}},
				[]*x509.Certificate{current.certificate}, time.Now())
			if len(bundles) != 1 || !slices.ContainsFunc(bundles[0], current.certificate.Equal) {
				t.Errorf("the bundle lacks the authority")
			}
			if diff := cmp.Diff(test.want, encoded(t, changes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func encoded(t *testing.T, changes []webhookPatch) string {
	t.Helper()
	if len(changes) == 0 {
		return ""
	}
	raw, err := encodePatch("7", changes)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestOnlyTheStaleWebhookIsWritten: one that is current stays out of the patch.
func TestOnlyTheStaleWebhookIsWritten(t *testing.T) {
	current := newCA(t, time.Hour)
	changes, bundles := (&injector{}).changes(&configuration{webhooks: []webhook{
		{"fresh", service(current.pem())}, {"stale", service(nil)},
	}}, []*x509.Certificate{current.certificate}, time.Now())
	if len(changes) != 1 || changes[0].Name != "stale" || len(bundles) != 2 {
		t.Errorf("got %d changes and %d bundles", len(changes), len(bundles))
	}
}
