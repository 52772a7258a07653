// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

// TestUnknownCallersOfTheWebhook: a caller without the API server's client certificate gets no answer from a webhook, not
// even that its request is none.
func TestUnknownCallersOfTheWebhook(t *testing.T) {
	known := []tls.Certificate{cluster.WebhookClient()}
	for path, certificates := range map[string][]tls.Certificate{"/validate-autowasm": nil, "/mutate-autowasm": nil, "/validate-autowasm?": known} {
		config := &tls.Config{InsecureSkipVerify: true, Certificates: certificates} //nolint:gosec // it is about who calls
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		response, err := client.Post(cluster.Wasmer().WebhookURL+path, "application/json", strings.NewReader("{}"))
		if err == nil {
			response.Body.Close()
		}
		if answered := err == nil; answered != (certificates != nil) {
			t.Errorf("%s: a caller with %d certificates is answered: %t (%v)", path, len(certificates), answered, err)
		}
	}
}
