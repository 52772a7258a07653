// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"os"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// tokenSeconds is how long the token of a service account is good for: longer than an environment runs.
const tokenSeconds = 365 * 24 * 3600

// ServiceAccountKubeconfig writes a kubeconfig with the identity of a service account, which must exist, and returns
// its path: who uses it has the permissions that RBAC grants that account, and no others.
func (e *Environment) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	token, err := e.serviceAccountToken(ctx, namespace, name)
	if err != nil {
		return "", err
	}
	path := e.data(name + ".kubeconfig")
	if err := clientcmd.WriteToFile(e.kubeconfigWith(token), path); err != nil {
		return "", fmt.Errorf("write the kubeconfig of service account %s/%s: %w", namespace, name, err)
	}
	return path, nil
}

// istiodAudience is that of the tokens by which istiod knows who asks it.
const istiodAudience = "istio-ca"

// IstiodTokenFile is the path of a token for istiod, of wasmer's service account, as a projected volume would have it.
func (e *Environment) IstiodTokenFile() string { return e.data("istiod-token") }

// IstiodCAFile is the path of the certificates that istiod's is verified with, as the ConfigMap istio-ca-root-cert
// would have them. A mesh writes it.
func (e *Environment) IstiodCAFile() string { return e.data("istiod-ca.crt") }

func (e *Environment) writeIstiodToken(ctx context.Context) error {
	token, err := e.serviceAccountToken(ctx, wasmerNamespace, "wasmer", istiodAudience)
	if err != nil {
		return err
	}
	if err := os.WriteFile(e.IstiodTokenFile(), []byte(token), 0o600); err != nil {
		return fmt.Errorf("write wasmer's token for istiod: %w", err)
	}
	return nil
}

// serviceAccountToken asks the API server for a token for some audiences. Default: the API server itself.
func (e *Environment) serviceAccountToken(ctx context.Context, namespace, name string, audiences ...string) (string, error) {
	client, err := kubernetes.NewForConfig(e.RESTConfig)
	if err != nil {
		return "", fmt.Errorf("make a client of service accounts: %w", err)
	}
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: audiences, ExpirationSeconds: &seconds,
	}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("ask for a token of service account %s/%s: %w", namespace, name, err)
	}
	return answer.Status.Token, nil
}
