// Package peer is what the replicas of wasmer say to each other, over the port from which Envoy loads modules:
//
//	GET /wasm/<sha256>            the module, if the peer has it on its disk; otherwise 404
//	GET /wasm/<sha256>/accesses   which clients requested the module from the peer, as JSON
//
// Both with the header Wasmer-Peer. Package serve answers; a Client and an Accesses ask. Endpoints finds the peers
// by the EndpointSlices of their Service.
//
// A peer is not trusted: a module counts only when it has the hash that was asked for, and every answer is bounded
// in time and size.
package peer
