package peer

import (
	"context"
	"fmt"
	"net"
	"strconv"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Endpoints finds the replicas behind a Service by its EndpointSlices.
type Endpoints struct {
	// Reader reads EndpointSlices in Namespace. Required.
	Reader client.Reader
	// Namespace and Service name the Service. Required.
	Namespace, Service string
	// OwnIP is the address of this pod, which is left out; "" leaves none out.
	OwnIP string
	// Port is the port that the replicas serve on. Required.
	Port int
}

// URLs returns the base URLs of the replicas that serve. It is a Find.
func (e Endpoints) URLs(ctx context.Context) ([]string, error) {
	urls, err := e.Addresses(ctx)
	for i, address := range urls {
		urls[i] = "http://" + address
	}
	return urls, err
}

// Addresses returns the replicas that serve, each as host:port.
func (e Endpoints) Addresses(ctx context.Context) ([]string, error) {
	var slices discoveryv1.EndpointSliceList
	err := e.Reader.List(ctx, &slices, client.InNamespace(e.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: e.Service})
	if err != nil {
		return nil, fmt.Errorf("list the EndpointSlices of Service %s/%s: %w", e.Namespace, e.Service, err)
	}
	var addresses []string
	for i := range slices.Items {
		for _, endpoint := range slices.Items[i].Endpoints {
			addresses = e.add(addresses, endpoint)
		}
	}
	return addresses, nil
}

// add appends the endpoint's address if it serves, ready or not: a replica that is being replaced has the modules.
func (e Endpoints) add(addresses []string, endpoint discoveryv1.Endpoint) []string {
	serving := endpoint.Conditions.Serving
	if (serving != nil && !*serving) || len(endpoint.Addresses) == 0 || endpoint.Addresses[0] == e.OwnIP {
		return addresses
	}
	return append(addresses, net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(e.Port)))
}
