// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the manifests of cert-manager's objects instead of comparing with them")

const generated = "# Generated from CertManagerObjects in certs/certmanager.go by make generate: do not edit.\n"

// The manifests of cert-manager's objects are what the code declares, as kustomize and as Helm have them.
func TestCertManagerManifests(t *testing.T) {
	tests := map[string]struct{ path, want string }{
		"kustomize": {"../manifests/options/cert-manager/certificates.yaml", generated + manifestsIn(t, "istio-system")},
		"Helm": {"../manifests/charts/wasmer/templates/webhook/certificates.yaml", "{{- if eq .Values.certs.mode \"cert-manager\" }}\n" +
			generated + manifestsIn(t, "{{ .Release.Namespace }}") + "{{- end }}\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if *update {
				if err := os.WriteFile(test.path, []byte(test.want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, readFile(t, test.path)); diff != "" {
				t.Errorf("%s is out of date, run make generate (-want +got):\n%s", test.path, diff)
			}
		})
	}
}

// manifestsIn is the YAML of cert-manager's objects, without the status that is not theirs to declare.
func manifestsIn(t *testing.T, namespace string) string {
	t.Helper()
	var documents []string
	for _, object := range CertManagerObjects(namespace) {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		delete(fields, "status")
		text, err := yaml.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(text))
	}
	return strings.Join(documents, "---\n")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What keeps requests from failing: two levels, an authority whose key stays, a serving certificate that lives for days
// and is renewed long before its end, and an annotation that names it.
func TestCertManagerObjects(t *testing.T) {
	byName := map[string]*certmanager.Certificate{}
	signers := map[string]string{} // name of the Issuer to the Secret of its authority
	for _, object := range CertManagerObjects("mesh") {
		switch o := object.(type) {
		case *certmanager.Certificate:
			byName[o.Name] = o
		case *certmanager.Issuer:
			if o.Spec.CA != nil {
				signers[o.Name] = o.Spec.CA.SecretName
			}
		}
	}
	key, value := InjectAnnotation("mesh")
	serving := byName[strings.TrimPrefix(value, "mesh/")]
	if key != "cert-manager.io/inject-ca-from" || serving == nil {
		t.Fatalf("the annotation %s names %s, which is no Certificate", key, value)
	}
	root := byName[signers[serving.Spec.IssuerRef.Name]]
	if root == nil || !root.Spec.IsCA || serving.Spec.IsCA {
		t.Fatalf("the serving certificate is signed by %v, whose Secret is of no authority", serving.Spec.IssuerRef)
	}
	if got := root.Spec.PrivateKey.RotationPolicy; got != certmanager.RotationPolicyNever {
		t.Errorf("the authority's key is rotated: %s", got)
	}
	if diff := cmp.Diff([]string{calledHost(t, "mesh")}, serving.Spec.DNSNames); diff != "" {
		t.Errorf("names (-called +certified):\n%s", diff)
	}
	if left := serving.Spec.RenewBefore.Duration; serving.Spec.Duration.Duration > 7*24*time.Hour || left < 3*24*time.Hour {
		t.Errorf("it lives %s and is renewed %s before its end", serving.Spec.Duration.Duration, left)
	}
}

// calledHost is the host that the API server calls, by the manifests.
func calledHost(t *testing.T, namespace string) string {
	t.Helper()
	var c admissionv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict([]byte(readFile(t, "../manifests/webhook/validating.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c.Webhooks[0].ClientConfig.Service.Name + "." + namespace + ".svc"
}
