// SPDX-License-Identifier: Apache-2.0

package env

import (
	"fmt"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// contextName is the name of the only context, cluster and user in the kubeconfigs written here.
const contextName = "autowasm"

// writeKubeconfigs writes one for the administrator, which is the environment's own, and one for each of the
// parts that talk to the API server.
func (e *Environment) writeKubeconfigs() error {
	e.Kubeconfig = filepath.Join(e.Dir, "kubeconfig")
	for user, path := range map[string]string{
		adminUser:       e.Kubeconfig,
		controllersUser: e.controllersKubeconfig(),
		wasmerUser:      e.wasmerKubeconfig(),
	} {
		if err := clientcmd.WriteToFile(e.kubeconfigOf(user), path); err != nil {
			return fmt.Errorf("write the kubeconfig of %s: %w", user, err)
		}
	}
	e.RESTConfig = e.restConfig()
	return nil
}

func (e *Environment) controllersKubeconfig() string {
	return e.data("controllers.kubeconfig")
}

func (e *Environment) wasmerKubeconfig() string { return e.data("wasmer.kubeconfig") }

func (e *Environment) kubeconfigOf(user string) clientcmdapi.Config {
	return e.kubeconfigWith(e.creds.tokens[user])
}

func (e *Environment) kubeconfigWith(token string) clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.Clusters[contextName] = &clientcmdapi.Cluster{Server: e.apiURL, CertificateAuthorityData: e.creds.caPEM}
	c.AuthInfos[contextName] = &clientcmdapi.AuthInfo{Token: token}
	c.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: contextName, Namespace: "default"}
	c.CurrentContext = contextName
	return *c
}

func (e *Environment) restConfig() *rest.Config {
	return &rest.Config{
		Host:            e.apiURL,
		BearerToken:     e.creds.tokens[adminUser],
		TLSClientConfig: rest.TLSClientConfig{CAData: e.creds.caPEM},
		QPS:             -1, // a test that makes many objects is not to wait for its own client
	}
}
