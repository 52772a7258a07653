// SPDX-License-Identifier: Apache-2.0

// Package fetch is the one way in for a module: it brings modules into the store.
//
//   - Ensure(request) resolves a source.Request to an immutable identity and has its module in the store when it
//     returns. Begin does the same and does not wait.
//   - Fill(sha256) brings a module that the cluster references and this replica lacks.
//
// # The way of a module
//
//	Ensure ─► resolutions of the last minutes ─► return
//	  └─► task of the request: limiter, source.Resolve ─► what the store has of this identity ─► return
//	                                  └─► download, once per identity: limiter, put ─► return
//	                                        put: a peer that got it from this identity, else Open, store.Put
//
//	Fill ─► store ─► return
//	  └─► task of the sha256: a peer, else Ensure as each AutoWasm that references the module would ask
//
// # Tasks
//
// A caller whose context ends gets v1alpha1.ReasonPending; the Task goes on, and who asks for the same joins it. All
// tasks belong to the Fetcher: Stop ends them. Requests are joined per namespace and credentials, downloads and fills
// by all of them.
//
// How a request failed is not remembered. How a fill failed is, for some seconds: any client may ask for anything.
//
// # Limits
//
// Resolutions and downloads have a limiter each. One host and one namespace get at most half of its places, and who
// holds the fewest goes first: a host that hangs, or a namespace that asks for much, keeps no other waiting. A
// namespace waits in its own queue, also for what another waits for; what is being downloaded is joined. A server that
// drips is given up (source.Options.SlowAfter).
//
// # Who may use what
//
// A module in the store is not a licence to use it: it may have come from another namespace's private image. Each
// request is resolved with its own credentials, which the registry judges, and is answered from the store only if this
// very identity (a manifest's digest, a URL with its declared hash, a ConfigMap's version) gave that module before.
// Knowing a module's hash is not enough. A module that was filled from a peer gives no request the right to use it,
// unless Shared, which the replicas alone write, says that this very identity gave it.
//
// # Eviction
//
// An Evictor removes what no AutoWasm's status and no EnvoyFilter of ours has referenced within the store's retention.
//
// # Sub-packages
//
//   - source: registry, object and ConfigMap sources; image: the shapes of images
//   - module: what a file must be to be a module that Envoy can load
//   - store: modules on disk
//   - peer: what the replicas say to each other
//   - serve: the HTTP server from which Envoy loads modules
package fetch
