// SPDX-License-Identifier: Apache-2.0

package ads

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// controlPlane pushes one cluster and one listener, each named after the node that asks, and something else between.
type controlPlane struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	t *testing.T
}

func (c controlPlane) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil
		}
		id, app := request.GetNode().GetId(), request.GetNode().GetMetadata().GetFields()["LABELS"].GetStructValue().GetFields()["app"].GetStringValue()
		resource := packed(c.t, &clusterv3.Cluster{Name: id})
		if request.GetTypeUrl() == listenerType {
			resource = packed(c.t, &listenerv3.Listener{Name: app})
		}
		for _, answer := range []*discoveryv3.DiscoveryResponse{
			{TypeUrl: "type.googleapis.com/something.else"},
			{TypeUrl: request.GetTypeUrl(), Resources: []*anypb.Any{resource}},
		} {
			if err := stream.Send(answer); err != nil {
				return err
			}
		}
	}
}

func TestFetch(t *testing.T) {
	address := serve(t, controlPlane{t: t})
	pushed, err := Fetch(t.Context(), address, Sidecar("details-1", "default", "127.0.0.9", map[string]string{"app": "details"}))
	if err != nil {
		t.Fatal(err)
	}
	const id = "sidecar~127.0.0.9~details-1.default~default.svc.cluster.local"
	if pushed.Cluster(id) == nil || pushed.Cluster("another") != nil || pushed.Listener("another") != nil {
		t.Errorf("clusters %v", pushed.Clusters)
	}
	if diff := cmp.Diff([]string{"details"}, pushed.ListenerNames()); diff != "" || pushed.Listener("details") == nil {
		t.Error(diff)
	}
}

func TestFetchFromNobody(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = Fetch(ctx, listener.Addr().String(), Gateway("ingress-1", "istio-system", "127.0.0.9", nil))
	if err == nil || !strings.Contains(err.Error(), "router~127.0.0.9~ingress-1.istio-system") {
		t.Errorf("error %v", err)
	}
}

// TestFetchEndsWithItsContext: a control plane that does not answer holds nobody.
func TestFetchEndsWithItsContext(t *testing.T) {
	address := serve(t, silent{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Fetch(ctx, address, Sidecar("a", "b", "127.0.0.9", nil)); err == nil {
		t.Error("no error")
	}
}

type silent struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
}

func (silent) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	<-stream.Context().Done()
	return nil
}

// serve serves a control plane until the test ends.
func serve(t *testing.T, c discoveryv3.AggregatedDiscoveryServiceServer) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, c)
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}
