// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// mergeBundle is what becomes of a caBundle that is to trust authority too.
func mergeBundle(bundle, authority []byte, now time.Time) []byte {
	return encodeBundle(mergeCertificates(parseBundle(bundle), parseBundle(authority), now))
}

func TestMergeBundle(t *testing.T) {
	now := time.Now()
	old, current, expired := newCA(t, time.Hour), newCA(t, time.Hour), newCA(t, -time.Minute)
	garbage := []byte("hello\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	key := []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	tests := map[string]struct {
		bundle, authority, want []byte
	}{
		"empty":             {nil, current.pem(), current.pem()},
		"same":              {current.pem(), current.pem(), current.pem()},
		"appended":          {old.pem(), current.pem(), join(old.pem(), current.pem())},
		"order kept":        {join(current.pem(), old.pem()), current.pem(), join(current.pem(), old.pem())},
		"repetition":        {join(old.pem(), old.pem()), current.pem(), join(old.pem(), current.pem())},
		"expired":           {join(expired.pem(), old.pem()), current.pem(), join(old.pem(), current.pem())},
		"expired authority": {old.pem(), expired.pem(), old.pem()},
		"garbage":           {garbage, current.pem(), current.pem()},
		"garbage around":    {join(garbage, old.pem(), []byte("# comment\n")), current.pem(), join(old.pem(), current.pem())},
		"a key":             {join(key, old.pem()), current.pem(), join(old.pem(), current.pem())},
		"no authority":      {old.pem(), nil, old.pem()},
		"two authorities":   {nil, join(old.pem(), current.pem()), join(old.pem(), current.pem())},
		"nothing":           {nil, nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := mergeBundle(test.bundle, test.authority, now)
			if diff := cmp.Diff(string(test.want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := mergeBundle(got, test.authority, now); !bytes.Equal(got, again) {
				t.Error("merging twice is not merging once")
			}
		})
	}
}

// TestMergeBundleIsBounded: forced rotations push out the oldest.
func TestMergeBundleIsBounded(t *testing.T) {
	var bundle []byte
	var all []ca
	for range maxBundle + 3 {
		next := newCA(t, time.Hour)
		all = append(all, next)
		bundle = mergeBundle(bundle, next.pem(), time.Now())
	}
	want := all[len(all)-maxBundle:]
	if !slices.EqualFunc(parseBundle(bundle), want, func(a *x509.Certificate, b ca) bool { return a.Equal(b.certificate) }) {
		t.Errorf("%d certificates, want the last %d in their order", len(parseBundle(bundle)), maxBundle)
	}
}

// TestExpiryFollowsTheClock: the bundle of today is another one tomorrow.
func TestExpiryFollowsTheClock(t *testing.T) {
	old, current := newCA(t, time.Hour), newCA(t, 48*time.Hour)
	both := slices.Concat(old.pem(), current.pem())
	if got := mergeBundle(both, current.pem(), time.Now().Add(24*time.Hour)); !bytes.Equal(got, current.pem()) {
		t.Errorf("got %s", got)
	}
}

func FuzzMergeBundle(f *testing.F) {
	current := newCA(f, time.Hour)
	f.Add([]byte(nil))
	f.Add(current.pem())
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		merged := parseBundle(mergeBundle(bundle, current.pem(), time.Now()))
		if !slices.ContainsFunc(merged, current.certificate.Equal) {
			t.Error("the authority is missing")
		}
	})
}

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
			changes, bundles := changesTo(&configuration{resourceVersion: "7", webhooks: []webhook{{"v", test.client}}},
				[]*x509.Certificate{current.certificate}, test.url, time.Now())
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
	changes, bundles := changesTo(&configuration{webhooks: []webhook{
		{"fresh", service(current.pem())}, {"stale", service(nil)},
	}}, []*x509.Certificate{current.certificate}, "", time.Now())
	if len(changes) != 1 || changes[0].Name != "stale" || len(bundles) != 2 {
		t.Errorf("got %d changes and %d bundles", len(changes), len(bundles))
	}
}
