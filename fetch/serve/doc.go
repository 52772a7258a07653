// SPDX-License-Identifier: Apache-2.0

// Package serve is the HTTP server from which Envoy loads modules.
//
//	GET|HEAD /wasm/<sha256>   200 with the module, whose URL never changes meaning
//	GET|HEAD /healthz         200
//
// It also answers the other replicas, as package peer defines.
//
// Envoy's remote loader accepts nothing but a 200 with the whole body: there is no redirect, no content coding and
// always a Content-Length. A name that is not 64 lower-case hex digits is 400, a module that cannot be had is 404, one
// that may come yet is 503. A module that this replica lacks is brought by a Filler.
//
// The server records which clients requested a module and which were sent the whole of it: so it is known which
// proxies have it. It gives these accesses to whoever says to be another replica: they are no more of a secret than
// the module, which whoever knows its sha256 may have.
//
// Files go from the disk to the socket by sendfile, over HTTP/2 as copies. Clients that stop reading are cut off.
package serve
