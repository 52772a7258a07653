// SPDX-License-Identifier: Apache-2.0

// Package peer is what the replicas of wasmer say to each other, over the port from which Envoy loads modules:
//
//	GET /wasm/<sha256>            the module, if the peer has it on its disk; otherwise 404
//	GET /wasm/<sha256>/accesses   which clients requested the module from the peer, as JSON
//
// Both with the header Wasmer-Peer. Package serve answers; Client and Accesses send them to the peers that Endpoints
// finds.
//
// A peer is not trusted: a module must have the hash of its name, and every answer is bounded in time and size. What has
// to be true, which module a source gave, the replicas let each other know by a Secret: see Shared.
package peer
