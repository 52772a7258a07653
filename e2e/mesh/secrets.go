// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"fmt"
	"net"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretv3 "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/autowasm/autowasm/e2e/env"
)

// The names of the secrets that istiod's configuration asks for.
const (
	workloadCertificate = "default"
	rootCertificate     = "ROOTCA"
)

// secrets hands certificates out to proxies, as the agent beside each would. They are of one authority and one
// identity, which is all that a mesh of one machine needs.
type secrets struct {
	secretv3.UnimplementedSecretDiscoveryServiceServer
	address string
	byName  map[string]*anypb.Any
	server  *grpc.Server
	serve   sync.WaitGroup
	err     error
}

// startSecrets serves at a free port until close.
func startSecrets() (*secrets, error) {
	byName, err := makeSecrets()
	if err != nil {
		return nil, fmt.Errorf("make the certificates of proxies: %w", err)
	}
	listener, err := net.Listen("tcp4", env.Address(0))
	if err != nil {
		return nil, fmt.Errorf("serve the certificates of proxies: %w", err)
	}
	s := &secrets{address: listener.Addr().String(), byName: byName, server: grpc.NewServer()}
	secretv3.RegisterSecretDiscoveryServiceServer(s.server, s)
	s.serve.Go(func() { s.err = s.server.Serve(listener) })
	return s, nil
}

func (s *secrets) close() error {
	s.server.Stop()
	s.serve.Wait()
	return s.err
}

// StreamSecrets answers each first request for names; they never change, so that an acknowledgement needs no answer.
func (s *secrets) StreamSecrets(stream secretv3.SecretDiscoveryService_StreamSecretsServer) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil // the proxy has gone
		}
		if request.GetVersionInfo() != "" {
			continue
		}
		if err := stream.Send(s.answer(request)); err != nil {
			return err
		}
	}
}

func (s *secrets) answer(request *discoveryv3.DiscoveryRequest) *discoveryv3.DiscoveryResponse {
	answer := &discoveryv3.DiscoveryResponse{VersionInfo: "1", Nonce: "1", TypeUrl: request.GetTypeUrl()}
	for _, name := range request.GetResourceNames() {
		if secret, ok := s.byName[name]; ok {
			answer.Resources = append(answer.Resources, secret)
		}
	}
	return answer
}

func makeSecrets() (map[string]*anypb.Any, error) {
	ca, certificate, key, err := makeIdentity("spiffe://cluster.local/ns/" + namespace + "/sa/default")
	if err != nil {
		return nil, err
	}
	byName := map[string]*anypb.Any{}
	for _, secret := range []*tlsv3.Secret{
		{Name: workloadCertificate, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(certificate), PrivateKey: inline(key),
		}}},
		{Name: rootCertificate, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: inline(ca),
		}}},
	} {
		if byName[secret.GetName()], err = anypb.New(secret); err != nil {
			return nil, err
		}
	}
	return byName, nil
}

func inline(pem []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: pem}}
}
