package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// RequireClients returns what makes a server refuse, in the handshake, whoever does
// not present a client certificate of an authority in file, which is PEM. The file
// is read once: a change needs a restart.
func RequireClients(file string) (func(*tls.Config), error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of client certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the authorities of client certificates: %s holds no PEM certificate", file)
	}
	return func(c *tls.Config) {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.ClientCAs = pool
	}, nil
}
