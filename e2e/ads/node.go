// SPDX-License-Identifier: Apache-2.0

package ads

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// A Node is how a proxy names itself to Istio.
type Node struct {
	// ID is "<kind>~<address>~<name>.<namespace>~<namespace>.svc.cluster.local".
	ID string
	// Metadata is what Istio goes by beside: labels, the way of interception, versions.
	Metadata map[string]any
}

// istioVersion is what proxies say they are: the minor version that istiod is of.
const istioVersion = "1.31.0"

// Sidecar is the node of a sidecar that intercepts nothing: it listens where its Sidecar object says.
func Sidecar(name, namespace, address string, labels map[string]string) Node {
	n := node("sidecar", name, namespace, address, labels)
	n.Metadata["INTERCEPTION_MODE"] = "NONE"
	return n
}

// Gateway is the node of a gateway.
func Gateway(name, namespace, address string, labels map[string]string) Node {
	return node("router", name, namespace, address, labels)
}

func node(kind, name, namespace, address string, labels map[string]string) Node {
	values := make(map[string]any, len(labels))
	for k, v := range labels {
		values[k] = v
	}
	return Node{
		ID: fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", kind, address, name, namespace, namespace),
		Metadata: map[string]any{
			"NAME": name, "NAMESPACE": namespace, "LABELS": values, "CLUSTER_ID": "Kubernetes",
			"ISTIO_VERSION": istioVersion, "INSTANCE_IPS": address, "SERVICE_ACCOUNT": "default",
		},
	}
}

// proto is the node as the protocol has it.
func (n Node) proto() (*corev3.Node, error) {
	metadata, err := structpb.NewStruct(n.Metadata)
	if err != nil {
		return nil, fmt.Errorf("encode the metadata of node %s: %w", n.ID, err)
	}
	return &corev3.Node{Id: n.ID, Metadata: metadata}, nil
}
