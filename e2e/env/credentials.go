// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The identities that the API server knows by a token.
const (
	adminUser       = "admin"
	controllersUser = "system:kube-controller-manager"
	mastersGroup    = "system:masters" // may do everything, whatever RBAC says
	// wasmerNamespace is where manifests/ puts wasmer.
	wasmerNamespace = "istio-system"
	// wasmerUser is the service account of manifests/rbac: RBAC grants it what is written there and nothing else.
	wasmerUser = "system:serviceaccount:" + wasmerNamespace + ":wasmer"
)

// credentials are made new for each environment.
type credentials struct {
	caPEM  []byte            // that the API server's certificate is to be verified with
	tokens map[string]string // by user

	webhookClient tls.Certificate // of the API server
}

// identities lists the users of the API server with their groups; it adds system:authenticated itself.
var identities = []struct{ user, groups string }{
	{adminUser, mastersGroup},
	{controllersUser, mastersGroup},
	{wasmerUser, "system:serviceaccounts,system:serviceaccounts:" + wasmerNamespace},
}

func (e *Environment) makeCredentials(context.Context) error {
	e.creds.tokens = map[string]string{}
	for _, id := range identities {
		e.creds.tokens[id.user] = randomHex()
	}
	if err := e.writeTokens(); err != nil {
		return fmt.Errorf("write the API server's tokens: %w", err)
	}
	if err := e.writeServingCertificate(); err != nil {
		return fmt.Errorf("make the API server's certificate: %w", err)
	}
	if err := e.writeServiceAccountKey(); err != nil {
		return fmt.Errorf("make the key of service account tokens: %w", err)
	}
	if err := e.writeWebhookClient(); err != nil {
		return fmt.Errorf("make the certificate that the API server presents to webhooks: %w", err)
	}
	return e.writePassword()
}

// writeTokens writes the file of --token-auth-file: token, user, uid, groups.
func (e *Environment) writeTokens() error {
	var file strings.Builder
	w := csv.NewWriter(&file)
	for _, id := range identities {
		if err := w.Write([]string{e.creds.tokens[id.user], id.user, id.user, id.groups}); err != nil {
			return err
		}
	}
	w.Flush()
	return e.writeSecret("tokens.csv", []byte(file.String()))
}

func (e *Environment) writeServingCertificate() error {
	certPEM, keyPEM, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.ParseIP(loopback)}, nil)
	if err != nil {
		return err
	}
	e.creds.caPEM = certPEM // the chain, which ends in the CA that signed it
	if err := e.writeSecret("apiserver.crt", certPEM); err != nil {
		return err
	}
	return e.writeSecret("apiserver.key", keyPEM)
}

func (e *Environment) writeServiceAccountKey() error {
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return err
	}
	return e.writeSecret("service-account.key", key)
}

// writePassword makes the private registry's only user.
func (e *Environment) writePassword() error {
	e.PrivateRegistryUsername, e.PrivateRegistryPassword = "autowasm", randomHex()
	hash, err := bcrypt.GenerateFromPassword([]byte(e.PrivateRegistryPassword), bcrypt.MinCost)
	if err != nil {
		return fmt.Errorf("hash the private registry's password: %w", err)
	}
	return e.writeSecret("htpasswd", fmt.Appendf(nil, "%s:%s\n", e.PrivateRegistryUsername, hash))
}

// writeSecret writes a file in the data directory that only the user may read.
func (e *Environment) writeSecret(name string, content []byte) error {
	return os.WriteFile(e.data(name), content, 0o600)
}

// randomHex is 128 bits that nobody can guess.
func randomHex() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
