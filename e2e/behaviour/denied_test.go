// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestQuotaRefusalLeavesNoFilter proves invariant 2: ResourceQuota refuses after
// our webhook has staged.
func TestQuotaRefusalLeavesNoFilter(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	cluster.ForbidAutoWasms(t, ns)
	ref, _ := pushed(t, "quota:v1")
	cluster.Refused(t, ns, suite.Manifest{Name: "over", Source: suite.Image(ref)}.String(), "exceeded quota")
	cluster.WaitGone(t, ns, "over")
}

// TestRefusalByAnotherWebhookLeavesNoFilter proves invariant 2 for a validating
// policy that runs beside ours. It is a ValidatingAdmissionPolicy's neighbour, a
// webhook that cannot be reached and fails closed.
func TestRefusalByAnotherWebhookLeavesNoFilter(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	config := refusingWebhook(ns)
	if err := cluster.Client.Create(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Client.Delete(context.Background(), config); err != nil {
			t.Errorf("delete the other webhook: %v", err)
		}
	})
	ref, _ := pushed(t, "refused-by-another:v1")
	manifest := suite.Manifest{Name: "refused", Source: suite.Image(ref)}.String()
	suite.Eventually(t, func(context.Context) error {
		if _, err := cluster.TryApply(t, ns, manifest, "--dry-run=server"); err != nil {
			return nil // the API server has learned of the other webhook
		}
		return fmt.Errorf("the other webhook is not called yet")
	})
	cluster.Refused(t, ns, manifest, "another.example.com")
	cluster.WaitGone(t, ns, "refused")
}

func refusingWebhook(ns string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "another-" + ns},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "another.example.com",
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy:           ptr.To(admissionregistrationv1.Fail),
			TimeoutSeconds:          ptr.To[int32](5),
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://127.0.0.1:1/refuse")},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": ns}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"wasm.tcm.io"}, APIVersions: []string{"*"}, Resources: []string{"autowasms"}},
			}},
		}},
	}
}

// TestStagedFiltersSurviveTheGarbageCollector: 200 creates in a row, and no
// EnvoyFilter is deleted and created again between being staged and being adopted.
func TestStagedFiltersSurviveTheGarbageCollector(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "gc:v1")
	const count = 200
	staged := map[string]string{}
	for i := range count {
		name := fmt.Sprintf("gc-%03d", i)
		aw := &v1alpha1.AutoWasm{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
		aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": "details"}
		aw.Spec.Filter.Source.Registry = &v1alpha1.RegistrySource{Image: ref}
		if err := cluster.Client.Create(t.Context(), aw); err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
		ef, err := cluster.EnvoyFilter(t.Context(), ns, name)
		if err != nil {
			t.Fatalf("no EnvoyFilter right after the admission of %s: %v", name, err)
		}
		staged[name] = string(ef.UID)
	}
	for name, uid := range staged {
		cluster.WaitPhase(t, ns, name, v1alpha1.PhaseSynced)
		ef, err := cluster.EnvoyFilter(t.Context(), ns, name)
		if err != nil {
			t.Fatalf("EnvoyFilter %s: %v", name, err)
		}
		if string(ef.UID) != uid {
			t.Errorf("EnvoyFilter %s was deleted and created again: uid %s, staged as %s", name, ef.UID, uid)
		}
		if len(ef.OwnerReferences) != 1 || ef.OwnerReferences[0].Kind != "AutoWasm" {
			t.Errorf("EnvoyFilter %s is not adopted: %v", name, ef.OwnerReferences)
		}
	}
}
