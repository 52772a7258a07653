//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	adminUser  = "admin"
	policyUser = "networkpolicies"
)

// An identity is a user of the API server, who is known by a token.
type identity struct{ user, groups string }

func identities() []identity {
	all := []identity{
		{adminUser, "system:masters"},
		{"system:kube-controller-manager", ""}, {"system:kube-scheduler", ""}, {"system:kube-proxy", ""},
		{policyUser, "system:masters"}, // no role of Kubernetes' own is for what it reads
	}
	for _, n := range nodeNets {
		all = append(all, identity{nodeUser(n.name), "system:nodes"})
	}
	return all
}

func nodeUser(node string) string { return "system:node:" + node }

// makeCredentials makes new ones for this cluster: the API server's certificate, the key of service accounts, and a token
// and a kubeconfig for each user.
func (c *Cluster) makeCredentials(context.Context) error {
	addresses := []net.IP{net.ParseIP(controlAddress), net.ParseIP(apiService)}
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	certPEM, keyPEM, err := cert.GenerateSelfSignedCertKey(controlAddress, addresses, names)
	if err != nil {
		return fmt.Errorf("make the API server's certificate: %w", err)
	}
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return fmt.Errorf("make the key of service account tokens: %w", err)
	}
	tokens := map[string]string{}
	var file strings.Builder
	w := csv.NewWriter(&file)
	for _, id := range identities() {
		tokens[id.user] = rand.Text()
		if err := w.Write([]string{tokens[id.user], id.user, id.user, id.groups}); err != nil {
			return fmt.Errorf("write the API server's tokens: %w", err)
		}
	}
	w.Flush()
	for name, content := range map[string][]byte{
		"apiserver.crt": certPEM, "apiserver.key": keyPEM, "service-account.key": key, "tokens.csv": []byte(file.String()),
	} {
		if err := os.WriteFile(c.data(name), content, 0o600); err != nil {
			return fmt.Errorf("write the cluster's credentials: %w", err)
		}
	}
	for user, token := range tokens {
		if err := clientcmd.WriteToFile(kubeconfig(certPEM, token), c.kubeconfigOf(user)); err != nil {
			return fmt.Errorf("write the kubeconfig of %s: %w", user, err)
		}
	}
	return c.makeClient(certPEM, tokens[adminUser])
}

// kubeconfigOf is the path of a user's kubeconfig; the administrator's is the cluster's own.
func (c *Cluster) kubeconfigOf(user string) string {
	if user == adminUser {
		return c.Kubeconfig
	}
	return c.data(strings.ReplaceAll(user, ":", "-") + ".kubeconfig")
}

func apiURL() string { return fmt.Sprintf("https://%s:%d", controlAddress, apiPort) }

func kubeconfig(ca []byte, token string) clientcmdapi.Config {
	const name = "autowasm"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: apiURL(), CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "default"}
	config.CurrentContext = name
	return *config
}

// makeClient makes this process's own client, which connects from control's network.
func (c *Cluster) makeClient(ca []byte, token string) (err error) {
	c.client, err = kubernetes.NewForConfig(&rest.Config{
		Host: apiURL(), BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: ca},
		Dial: c.control.DialContext, QPS: -1,
	})
	if err != nil {
		return fmt.Errorf("make a client of the API server: %w", err)
	}
	return nil
}
