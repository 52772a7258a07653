// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"time"

	"k8s.io/client-go/util/keyutil"
)

// lifetime is that of certificates: longer than a mesh runs.
const lifetime = 365 * 24 * time.Hour

// makeIdentity makes an authority and a certificate of it for a SPIFFE identity, all as PEM.
func makeIdentity(id string) (ca, certificate, key []byte, err error) {
	uri, err := url.Parse(id)
	if err != nil {
		return nil, nil, nil, err
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	authority := unsigned(1)
	authority.Subject, authority.IsCA = pkix.Name{CommonName: "mesh"}, true
	authority.KeyUsage, authority.BasicConstraintsValid = x509.KeyUsageCertSign, true
	if ca, err = sign(authority, authority, &authorityKey.PublicKey, authorityKey); err != nil {
		return nil, nil, nil, err
	}
	workloadKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	workload := unsigned(2)
	workload.URIs, workload.KeyUsage = []*url.URL{uri}, x509.KeyUsageDigitalSignature
	workload.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if certificate, err = sign(workload, authority, &workloadKey.PublicKey, authorityKey); err != nil {
		return nil, nil, nil, err
	}
	key, err = keyutil.MarshalPrivateKeyToPEM(workloadKey)
	return ca, certificate, key, err
}

func unsigned(serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime),
	}
}

func sign(c, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
