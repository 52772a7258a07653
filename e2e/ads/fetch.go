// SPDX-License-Identifier: Apache-2.0

package ads

import (
	"context"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// The types of what is asked for.
const (
	clusterType   = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	listenerType  = "type.googleapis.com/envoy.config.listener.v3.Listener"
	extensionType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
)

// maxAnswer bounds one answer: a mesh's listeners are larger than gRPC's default of 4 MiB.
const maxAnswer = 64 << 20

// Pushed is what a control plane has for a proxy.
type Pushed struct {
	Clusters  []*clusterv3.Cluster
	Listeners []*listenerv3.Listener
}

// Fetch asks the control plane at a plaintext address for a node's clusters and listeners, as they are now. It ends
// with ctx, which should have a deadline.
func Fetch(ctx context.Context, address string, n Node) (*Pushed, error) {
	var pushed Pushed
	err := query(ctx, address, n, func(stream stream, node *corev3.Node) (err error) {
		if pushed.Clusters, err = ask[clusterv3.Cluster](stream, node, clusterType); err != nil {
			return err
		}
		pushed.Listeners, err = ask[listenerv3.Listener](stream, node, listenerType)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &pushed, nil
}

// Discover asks the control plane for the configurations of those filters of a chain that are configured elsewhere, and puts
// them into the chain. It is an error when one of them is not there.
func Discover(ctx context.Context, address string, n Node, chain []HTTPFilter) error {
	var names []string
	for _, f := range chain {
		if f.Config == nil {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	configs := map[string]*anypb.Any{}
	err := query(ctx, address, n, func(stream stream, node *corev3.Node) error {
		extensions, err := ask[corev3.TypedExtensionConfig](stream, node, extensionType, names...)
		for _, e := range extensions {
			configs[e.GetName()] = e.GetTypedConfig()
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, f := range chain {
		if f.Config != nil {
			continue
		}
		if chain[i].Config = configs[f.Name]; chain[i].Config == nil {
			return fmt.Errorf("%s has no configuration of the filter %s for %s", address, f.Name, n.ID)
		}
	}
	return nil
}

type stream = discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient

// query opens a stream to the control plane for questions of a node.
func query(ctx context.Context, address string, n Node, questions func(stream, *corev3.Node) error) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return fmt.Errorf("make a client of %s: %w", address, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	if err := open(ctx, conn, n, questions); err != nil {
		return fmt.Errorf("ask %s what it pushes to %s: %w", address, n.ID, err)
	}
	return nil
}

func open(ctx context.Context, conn *grpc.ClientConn, n Node, questions func(stream, *corev3.Node) error) error {
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		return err
	}
	node, err := n.proto()
	if err != nil {
		return err
	}
	return questions(stream, node)
}

// ask sends a request for the resources of a type that have these names, or else for all, and reads the first answer of that
// type.
func ask[T any, P interface {
	*T
	proto.Message
}](stream stream, node *corev3.Node, typeURL string, names ...string) ([]P, error) {
	if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: node, TypeUrl: typeURL, ResourceNames: names}); err != nil {
		return nil, fmt.Errorf("ask for %s: %w", typeURL, err)
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return nil, fmt.Errorf("read the answer for %s: %w", typeURL, err)
		}
		if answer.GetTypeUrl() == typeURL {
			return decode[T, P](answer.GetResources())
		}
	}
}

func decode[T any, P interface {
	*T
	proto.Message
}](resources []*anypb.Any) ([]P, error) {
	decoded := make([]P, 0, len(resources))
	for _, r := range resources {
		message := P(new(T))
		if err := r.UnmarshalTo(message); err != nil {
			return nil, fmt.Errorf("decode a resource: %w", err)
		}
		decoded = append(decoded, message)
	}
	return decoded, nil
}
