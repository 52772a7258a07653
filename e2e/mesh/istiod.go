// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"

	"k8s.io/client-go/util/cert"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
)

// An Istiod is a running istiod.
type Istiod struct {
	*env.Launched
	Address  string // host:port of plaintext discovery
	DebugURL string // base URL of its debug pages, that of IstiodURL
}

// The ports of istiod by their place.
const (
	discoveryPort = iota
	httpPort
	webhookPort
	istiodPorts
)

// meshConfig names no telemetry provider: their filters are only in Istio's build of Envoy.
const meshConfig = `rootNamespace: istio-system
enablePrometheusMerge: false
defaultProviders: {}
`

// startIstiod starts istiod with the identity of its service account and registers its webhook.
func startIstiod(ctx context.Context, e *env.Environment) (*Istiod, error) {
	binary, err := e.Builder().Part(ctx, build.Istiod)
	if err != nil {
		return nil, err
	}
	if err := apply(ctx, e, "istiod.yaml", nil); err != nil {
		return nil, err
	}
	kubeconfig, err := e.ServiceAccountKubeconfig(ctx, "istio-system", "istiod")
	if err != nil {
		return nil, err
	}
	caBundle, err := writeIstiodFiles(e)
	if err != nil {
		return nil, err
	}
	launched, err := e.Launch(ctx, istiodComponent(e, binary, kubeconfig))
	if err != nil {
		return nil, err
	}
	i := &Istiod{
		Launched: launched, Address: env.Address(launched.Ports[discoveryPort]),
		DebugURL: IstiodURL(),
	}
	return i, i.registerWebhook(ctx, e, caBundle)
}

// writeIstiodFiles writes the mesh's configuration and the certificate of xDS and of the webhook, and returns its CA.
func writeIstiodFiles(e *env.Environment) (caBundle []byte, err error) {
	certPEM, keyPEM, err := cert.GenerateSelfSignedCertKey("istiod.istio-system.svc", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return nil, fmt.Errorf("make istiod's certificate: %w", err)
	}
	for path, content := range map[string][]byte{
		e.DataPath("mesh.yaml"): []byte(meshConfig), e.DataPath("istiod.key"): keyPEM, e.DataPath("istiod.crt"): certPEM,
		e.IstiodCAFile(): certPEM, // istiod refuses to watch one file for two purposes
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, fmt.Errorf("write istiod's files: %w", err)
		}
	}
	return certPEM, nil
}

// istiodComponent leaves out what needs nodes, and what a stock Envoy does not have.
func istiodComponent(e *env.Environment, binary, kubeconfig string) env.Component {
	return env.Component{
		Name: "istiod", Path: binary, Ports: istiodPorts,
		Env: []string{
			"POD_NAMESPACE=istio-system", "POD_NAME=istiod", "PILOT_CERT_PROVIDER=istiod", "CLUSTER_ID=Kubernetes",
			"INJECT_ENABLED=false", "PILOT_ENABLE_GATEWAY_API=false", "VALIDATION_WEBHOOK_CONFIG_NAME=",
			"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false",
		},
		Args: func(ports []int) []string {
			return []string{
				"discovery", "--kubeconfig=" + kubeconfig, "--meshConfig=" + e.DataPath("mesh.yaml"),
				"--grpcAddr=" + env.Address(ports[discoveryPort]),
				"--secureGRPCAddr=" + secureAddress(),
				"--httpAddr=" + env.Address(ports[httpPort]), "--httpsAddr=" + env.Address(ports[webhookPort]),
				"--monitoringAddr=" + monitoringAddress(), "--ctrlz_port=0",
				"--tlsCertFile=" + e.DataPath("istiod.crt"), "--tlsKeyFile=" + e.DataPath("istiod.key"),
				"--caCertFile=" + e.IstiodCAFile(),
			}
		},
		Ready: func(ctx context.Context, ports []int) error {
			return env.Probe(ctx, "http://"+env.Address(ports[httpPort])+"/ready")
		},
	}
}

// registerWebhook registers istiod's validation and waits until the API server asks it.
func (i *Istiod) registerWebhook(ctx context.Context, e *env.Environment, caBundle []byte) error {
	err := apply(ctx, e, "webhook.yaml", map[string]string{
		"URL":      "https://" + env.Address(i.Ports[webhookPort]),
		"CABundle": base64.StdEncoding.EncodeToString(caBundle),
	})
	if err != nil {
		return err
	}
	if err := env.Poll(ctx, func(ctx context.Context) error { return refusesInvalid(ctx, e) }); err != nil {
		return fmt.Errorf("wait until the API server asks istiod's webhook: %w", err)
	}
	return nil
}

// invalidFilter passes its CRD's schema and not istiod's validation: there is no such type.
const invalidFilter = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: webhook-readiness-probe, namespace: istio-system}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch: {operation: INSERT_BEFORE, value: {name: probe, typed_config: {"@type": type.googleapis.com/no.such.Type}}}
`

// refusesInvalid dry-runs the creation of what istiod refuses.
func refusesInvalid(ctx context.Context, e *env.Environment) error {
	_, err := e.KubectlInput(ctx, invalidFilter, "create", "--dry-run=server", "-f", "-")
	if err == nil {
		return fmt.Errorf("an invalid EnvoyFilter was not refused")
	}
	if !strings.Contains(err.Error(), "denied the request") {
		return err
	}
	return nil
}
