// SPDX-License-Identifier: Apache-2.0

package peer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/fetch/peer"
)

func endpointSlice(namespace, name, service string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Endpoints:  endpoints,
	}
}

func endpoint(address string, serving *bool) discoveryv1.Endpoint {
	ready := false
	return discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: serving}}
}

// TestEndpointsOfServicesWithALabel: a replica that is behind two of them is one.
func TestEndpointsOfServicesWithALabel(t *testing.T) {
	labelled := func(name string, addresses ...string) *discoveryv1.EndpointSlice {
		slice := endpointSlice("istio-system", name+"-1", name)
		slice.Labels["app"] = "istiod"
		for _, address := range addresses {
			slice.Endpoints = append(slice.Endpoints, endpoint(address, nil))
		}
		return slice
	}
	reader := cluster(t,
		labelled("istiod", "10.0.0.2"), labelled("istiod-canary", "10.0.0.3", "10.0.0.1"), labelled("istiod-revision-tag-prod", "10.0.0.1"),
		endpointSlice("istio-system", "wasmer-1", "wasmer", endpoint("10.0.0.9", nil)),
	)
	e := peer.Endpoints{Reader: reader, Namespace: "istio-system", Labels: map[string]string{"app": "istiod"}, Port: 15012}
	got, err := e.Addresses(t.Context())
	if diff := cmp.Diff([]string{"10.0.0.1:15012", "10.0.0.2:15012", "10.0.0.3:15012"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestEndpointsAreTheOtherReplicasThatServe(t *testing.T) {
	yes, no := true, false
	reader := cluster(t,
		endpointSlice("istio-system", "wasmer-1", "wasmer", endpoint("10.0.0.1", &yes), endpoint("10.0.0.2", nil), endpoint("10.0.0.3", &no), discoveryv1.Endpoint{}),
		endpointSlice("istio-system", "wasmer-2", "wasmer", endpoint("fd00::1", &yes)),
		endpointSlice("istio-system", "other", "other", endpoint("10.0.0.9", &yes)),
		endpointSlice("ns", "wasmer-1", "wasmer", endpoint("10.0.0.8", &yes)),
	)
	e := peer.Endpoints{Reader: reader, Namespace: "istio-system", Service: "wasmer", OwnIP: "10.0.0.1", Port: 8081}
	got, err := e.URLs(t.Context())
	if diff := cmp.Diff([]string{"http://10.0.0.2:8081", "http://[fd00::1]:8081"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	e.Reader = broken(t)
	if _, err := e.URLs(t.Context()); err == nil {
		t.Error("a list that failed is taken for an empty one")
	}
}
