// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// rootSecret is that of the authority whose Certificate has the same name.
const rootSecret = "wasmer-webhook-root"

// newCertManagerClient knows cert-manager's types.
func newCertManagerClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := certmanager.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cluster.RESTConfig, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// component is a user's kustomization with cert-manager. The serving certificate is also for the address at which the
// API server calls here.
const component = `resources: [%[1]s]
components: [%[1]s/options/cert-manager]
patches:
- target: {kind: Certificate, name: wasmer-webhook}
  patch: '[{"op": "add", "path": "/spec/ipAddresses", "value": ["%[2]s"]}]'
`

// kinds are those of its objects that mean something here, where no Pod runs.
var kinds = regexp.MustCompile(`(?m)^kind: (ClusterRole|Role|Issuer|Certificate|(Mutating|Validating)WebhookConfiguration)$`)

// applyComponent applies it, until the test ends.
func applyComponent(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	manifests, err := filepath.Rel(dir, filepath.Join(cluster.Checkout, "manifests"))
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf(component, manifests, env.Loopback)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	built, err := cluster.Kubectl(t.Context(), "kustomize", dir)
	if err != nil {
		t.Fatal(err)
	}
	objects := slices.DeleteFunc(strings.Split(built.Stdout, "\n---\n"), func(o string) bool { return !kinds.MatchString(o) })
	t.Cleanup(func() { removeComponent(t) })
	cluster.Apply(t, namespace, strings.Join(objects, "\n---\n"), "--server-side", "--validate=strict")
}

func removeComponent(t *testing.T) {
	ctx, cancel := suite.Detached(t)
	defer cancel()
	_, err := cluster.Kubectl(ctx, "delete", "certificates,issuers", "--namespace="+namespace, "--all")
	if err := errors.Join(err, cluster.ApplyManifests(ctx, "rbac")); err != nil {
		t.Error(err)
	}
}

// renew has a Certificate issued again, as `cmctl renew` does.
func renew(t *testing.T, c client.Client, name string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		certificate := &certmanager.Certificate{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, certificate); err != nil {
			return err
		}
		now := metav1.Now()
		others := slices.DeleteFunc(certificate.Status.Conditions, func(c certmanager.CertificateCondition) bool {
			return c.Type == certmanager.CertificateConditionIssuing
		})
		certificate.Status.Conditions = append(others, certmanager.CertificateCondition{
			Type: certmanager.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, LastTransitionTime: &now,
			ObservedGeneration: certificate.Generation, Reason: "ManuallyTriggered", Message: "a test renews it",
		})
		return c.Status().Update(ctx, certificate)
	})
}

// redirect has the API server call a replica.
func redirect(t *testing.T, url string) {
	t.Helper()
	mutating, validating := &admissionv1.MutatingWebhookConfiguration{}, &admissionv1.ValidatingWebhookConfiguration{}
	for _, configuration := range []client.Object{mutating, validating} {
		if err := cluster.Client.Get(t.Context(), client.ObjectKey{Name: "wasmer"}, configuration); err != nil {
			t.Fatal(err)
		}
	}
	for i := range mutating.Webhooks {
		call(&mutating.Webhooks[i].ClientConfig, url)
	}
	for i := range validating.Webhooks {
		call(&validating.Webhooks[i].ClientConfig, url)
	}
	for _, configuration := range []client.Object{mutating, validating} {
		if err := cluster.Client.Update(t.Context(), configuration); err != nil {
			t.Fatal(err)
		}
	}
}

func call(c *admissionv1.WebhookClientConfig, base string) {
	url := base + *c.Service.Path
	c.URL, c.Service = &url, nil
}
