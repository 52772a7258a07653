package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

// maxBundle bounds how many authorities a caBundle holds: an authority comes in
// with each rotation, and rotations that somebody forces must not make the webhook
// configurations grow for ever.
const maxBundle = 16

const pemCertificate = "CERTIFICATE"

// mergeCertificates returns those of old, in their order, and then what is new of
// added. Expired certificates and repetitions (by their bytes) are dropped, and the
// oldest when there are more than maxBundle.
func mergeCertificates(old, added []*x509.Certificate, now time.Time) []*x509.Certificate {
	var out []*x509.Certificate
	for _, certificate := range slices.Concat(old, added) {
		if !now.After(certificate.NotAfter) && !slices.ContainsFunc(out, certificate.Equal) {
			out = append(out, certificate)
		}
	}
	return out[max(0, len(out)-maxBundle):]
}

// sameCertificates ignores how a bundle is written down.
func sameCertificates(a, b []*x509.Certificate) bool {
	return slices.EqualFunc(a, b, (*x509.Certificate).Equal)
}

// parseBundle skips what is not a certificate.
func parseBundle(bundle []byte) (out []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return out
		}
		if block.Type != pemCertificate {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, certificate)
		}
	}
}

func encodeBundle(certificates []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, certificate := range certificates {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: certificate.Raw}))
	}
	return out.Bytes()
}
