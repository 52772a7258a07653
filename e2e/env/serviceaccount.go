package env

import (
	"context"
	"fmt"

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
		return "", fmt.Errorf("ask for a token of service account %s/%s: %w", namespace, name, err)
	}
	path := e.data(name + ".kubeconfig")
	if err := clientcmd.WriteToFile(e.kubeconfigWith(token), path); err != nil {
		return "", fmt.Errorf("write the kubeconfig of service account %s/%s: %w", namespace, name, err)
	}
	return path, nil
}

func (e *Environment) serviceAccountToken(ctx context.Context, namespace, name string) (string, error) {
	client, err := kubernetes.NewForConfig(e.RESTConfig)
	if err != nil {
		return "", err
	}
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}
