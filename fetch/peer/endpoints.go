// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Endpoints finds the replicas behind a Service by its EndpointSlices.
type Endpoints struct {
	// Reader reads EndpointSlices in Namespace. Required.
	Reader client.Reader
	// Namespace and Service name the Service. Required, but for Service where there are Labels.
	Namespace, Service string
	// Labels are those of the Services, in place of a name: EndpointSlices have the labels of their Service.
	Labels map[string]string
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
	var list discoveryv1.EndpointSliceList
	selector := e.selector()
	if err := e.Reader.List(ctx, &list, client.InNamespace(e.Namespace), selector); err != nil {
		return nil, fmt.Errorf("list the EndpointSlices of namespace %s with the labels %v: %w", e.Namespace, selector, err)
	}
	var addresses []string
	for i := range list.Items {
		for _, endpoint := range list.Items[i].Endpoints {
			addresses = e.add(addresses, endpoint)
		}
	}
	slices.Sort(addresses) // a replica may be behind several Services
	return slices.Compact(addresses), nil
}

func (e Endpoints) selector() client.MatchingLabels {
	if e.Service != "" {
		return client.MatchingLabels{discoveryv1.LabelServiceName: e.Service}
	}
	return e.Labels
}

// add appends the endpoint's address if it serves, ready or not: a replica that is being replaced has the modules.
func (e Endpoints) add(addresses []string, endpoint discoveryv1.Endpoint) []string {
	serving := endpoint.Conditions.Serving
	if (serving != nil && !*serving) || len(endpoint.Addresses) == 0 || endpoint.Addresses[0] == e.OwnIP {
		return addresses
	}
	return append(addresses, net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(e.Port)))
}
