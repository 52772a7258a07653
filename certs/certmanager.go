// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// WebhookService is the Service by which the API server calls the webhooks.
const WebhookService = "wasmer-webhook"

// The names of cert-manager's objects. They differ from those of a self-managed authority, so that a cluster can change
// from one to the other while replicas of both run.
const (
	selfSignedIssuer = "wasmer-webhook-selfsigned"
	// rootName is that of the authority's Certificate, of its Secret, and of the Issuer that signs with it.
	rootName = "wasmer-webhook-root"
	// ServingCertificate is the Certificate whose authority cainjector writes into the caBundle.
	ServingCertificate = "wasmer-webhook"
	// ServingSecret is the Secret that is mounted for --cert-mode=files.
	ServingSecret = "wasmer-webhook-tls"
)

const (
	rootLife     = 10 * 365 * 24 * time.Hour
	rootRenewal  = 365 * 24 * time.Hour
	servingLife  = 7 * 24 * time.Hour
	servingRenew = servingLife / 2
)

// CertManagerObjects declares what cert-manager needs to certify the Service of the webhooks in namespace, in the order
// in which each needs the one before: an Issuer of self-signed certificates, the certificate of an authority, an Issuer
// that signs with it, and a serving certificate of seven days. There are two levels since a serving certificate that
// signs itself would change the caBundle at each renewal.
//
// The authority keeps its key when it is renewed: its new certificate and the old one verify the same serving
// certificates, so that no request fails in whatever order cainjector and the replicas see it. The serving certificate
// gets a new key each time, and three and a half days for it while cert-manager is away.
func CertManagerObjects(namespace string) []runtime.Object {
	return []runtime.Object{
		issuer(namespace, selfSignedIssuer, certmanager.IssuerConfig{SelfSigned: &certmanager.SelfSignedIssuer{}}),
		rootCertificate(namespace),
		issuer(namespace, rootName, certmanager.IssuerConfig{CA: &certmanager.CAIssuer{SecretName: rootName}}),
		servingCertificate(namespace),
	}
}

// InjectAnnotation is the annotation, key and value, by which cainjector keeps the caBundle of a webhook configuration
// the authority of the serving certificate in namespace.
func InjectAnnotation(namespace string) (key, value string) {
	return certmanager.WantInjectAnnotation, namespace + "/" + ServingCertificate
}

func rootCertificate(namespace string) *certmanager.Certificate {
	return certificate(namespace, rootName, certmanager.CertificateSpec{
		SecretName:  rootName,
		CommonName:  commonName,
		IsCA:        true,
		Duration:    &metav1.Duration{Duration: rootLife},
		RenewBefore: &metav1.Duration{Duration: rootRenewal},
		PrivateKey:  privateKey(certmanager.RotationPolicyNever),
		Usages:      []certmanager.KeyUsage{certmanager.UsageCertSign},
		IssuerRef:   signedBy(selfSignedIssuer),
	})
}

func servingCertificate(namespace string) *certmanager.Certificate {
	return certificate(namespace, ServingCertificate, certmanager.CertificateSpec{
		SecretName:  ServingSecret,
		DNSNames:    ServiceDNSNames(WebhookService, namespace, ""),
		Duration:    &metav1.Duration{Duration: servingLife},
		RenewBefore: &metav1.Duration{Duration: servingRenew},
		PrivateKey:  privateKey(certmanager.RotationPolicyAlways),
		Usages:      []certmanager.KeyUsage{certmanager.UsageDigitalSignature, certmanager.UsageServerAuth},
		IssuerRef:   signedBy(rootName),
	})
}

func issuer(namespace, name string, config certmanager.IssuerConfig) *certmanager.Issuer {
	return &certmanager.Issuer{
		TypeMeta:   typeMeta(certmanager.IssuerKind),
		ObjectMeta: objectMeta(namespace, name),
		Spec:       certmanager.IssuerSpec{IssuerConfig: config},
	}
}

func certificate(namespace, name string, spec certmanager.CertificateSpec) *certmanager.Certificate {
	return &certmanager.Certificate{
		TypeMeta:   typeMeta(certmanager.CertificateKind),
		ObjectMeta: objectMeta(namespace, name),
		Spec:       spec,
	}
}

func privateKey(rotation certmanager.PrivateKeyRotationPolicy) *certmanager.CertificatePrivateKey {
	return &certmanager.CertificatePrivateKey{Algorithm: certmanager.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: rotation}
}

func signedBy(name string) cmmeta.IssuerReference {
	return cmmeta.IssuerReference{Group: certmanager.SchemeGroupVersion.Group, Kind: certmanager.IssuerKind, Name: name}
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: certmanager.SchemeGroupVersion.String(), Kind: kind}
}

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "wasmer"}}
}
