// SPDX-License-Identifier: Apache-2.0

package env

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The files by which the API server identifies itself to webhooks, and by which wasmer knows it; docs/security.md has
// the same for a cluster.
const (
	webhookClientCA  = "webhook-client-ca.crt"
	webhooksUsers    = "webhooks.kubeconfig"
	admissionControl = "admission.yaml"
)

// admissionConfiguration has webhooks of both kinds called with the credentials of a kubeconfig.
const admissionConfiguration = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: MutatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: %[1]q}
- name: ValidatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: %[1]q}
`

// WebhookClient is the certificate that the API server presents to webhooks.
func (e *Environment) WebhookClient() tls.Certificate { return e.creds.webhookClient }

// writeWebhookClient makes that certificate, the authority that issued it, and what the API server reads of them.
func (e *Environment) writeWebhookClient() error {
	client, ca, err := newClientCertificate()
	if err != nil {
		return err
	}
	e.creds.webhookClient = client
	authority, err := cert.EncodeCertificates(ca)
	if err != nil {
		return fmt.Errorf("encode the authority: %w", err)
	}
	if err := e.writeSecret(webhookClientCA, authority); err != nil {
		return err
	}
	if err := e.writeWebhooksUsers(client); err != nil {
		return err
	}
	return e.writeSecret(admissionControl, fmt.Appendf(nil, admissionConfiguration, e.data(webhooksUsers)))
}

// writeWebhooksUsers names the user of every webhook "*": here they have URLs. In a cluster it is a webhook's Service.
func (e *Environment) writeWebhooksUsers(client tls.Certificate) error {
	certificate, err := cert.EncodeCertificates(client.Leaf)
	if err != nil {
		return fmt.Errorf("encode the certificate: %w", err)
	}
	key, err := keyutil.MarshalPrivateKeyToPEM(client.PrivateKey)
	if err != nil {
		return fmt.Errorf("encode its key: %w", err)
	}
	users := clientcmdapi.NewConfig()
	users.AuthInfos["*"] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	return clientcmd.WriteToFile(*users, e.data(webhooksUsers))
}

// newClientCertificate issues a client's certificate by an authority of its own.
func newClientCertificate() (client tls.Certificate, ca *x509.Certificate, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return client, nil, fmt.Errorf("make the authority's key: %w", err)
	}
	ca, err = cert.NewSelfSignedCACert(cert.Config{CommonName: "webhook-clients"}, caKey)
	if err != nil {
		return client, nil, fmt.Errorf("make the authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return client, nil, fmt.Errorf("make the client's key: %w", err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca, key.Public(), caKey)
	if err != nil {
		return client, nil, fmt.Errorf("issue the client's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(raw)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, ca, err
}
