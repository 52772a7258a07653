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
	var slices discoveryv1.EndpointSliceList
	err := e.Reader.List(ctx, &slices, client.InNamespace(e.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: e.Service})
	if err != nil {
		return nil, fmt.Errorf("list the EndpointSlices of Service %s/%s: %w", e.Namespace, e.Service, err)
	}
	var urls []string
	for i := range slices.Items {
		for _, endpoint := range slices.Items[i].Endpoints {
			urls = e.add(urls, endpoint)
		}
	}
	return urls, nil
}

// add appends the endpoint's URL if it serves, ready or not: a replica that is being replaced has the modules.
func (e Endpoints) add(urls []string, endpoint discoveryv1.Endpoint) []string {
	serving := endpoint.Conditions.Serving
	if (serving != nil && !*serving) || len(endpoint.Addresses) == 0 || endpoint.Addresses[0] == e.OwnIP {
		return urls
	}
	return append(urls, "http://"+net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(e.Port)))
}
