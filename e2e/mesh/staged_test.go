// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/e2e/suite"
)

// TestWhatIsStagedReachesNoProxy sends an AdmissionReview that the API server has not sent, as anybody can who reaches the
// webhook's port where no certificate is required, and presents the API server's here. What wasmer stages for it, and
// sweeps later, is taken by no proxy.
func TestWhatIsStagedReachesNoProxy(t *testing.T) {
	t.Parallel()
	w := workload(t, "staged")
	sidecar(t, w, ProxyOptions{})
	waitForAnswer(t, w.URL(InboundPort), "200")
	forged := onWorkload(w, "forged", pushExample(t, "forged"), fmt.Sprintf("applyPorts: [%d]", InboundPort))
	if response := review(t, forged); !response.Allowed || response.AuditAnnotations["envoyfilter"] != "Staged" {
		t.Fatalf("nothing was staged, so that this proves nothing: %+v", response)
	}
	suite.Eventually(t, func(ctx context.Context) error {
		if err := checkAnswer(ctx, w.URL(InboundPort), "200"); err != nil {
			t.Fatalf("while it is staged: %v", err)
		}
		if _, err := cluster.EnvoyFilter(ctx, namespace, forged.name); err == nil {
			return fmt.Errorf("EnvoyFilter %s is still there", forged.name)
		}
		return nil
	})
	requireAnswer(t, w.URL(InboundPort), "200")
}

// review sends the creation of an AutoWasm to the validating webhook.
func review(t *testing.T, a autoWasm) *admissionv1.AdmissionResponse {
	t.Helper()
	object, err := yaml.YAMLToJSON([]byte(a.String()))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "0b5c3bd5-0000-4000-8000-000000000001", Operation: admissionv1.Create, Namespace: a.space(), Name: a.name,
			Kind:   metav1.GroupVersionKind{Group: "wasm.tcm.io", Version: "v1alpha1", Kind: "AutoWasm"},
			Object: runtime.RawExtension{Raw: object},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cluster.WebhookClient()}} //nolint:gosec // the caller is the attacker
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	answer, err := client.Post(cluster.Wasmer().WebhookURL+"/validate-autowasm", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got admissionv1.AdmissionReview
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Response == nil {
		t.Fatalf("the webhook answered %s: %v", answer.Status, err)
	}
	return got.Response
}
