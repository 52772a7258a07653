// Package fetch brings modules from their sources into the store.
//
// # The way of a module
//
// A source.Request is resolved to an immutable identity and then fetched:
//
//	Ensure ─► memory: the same request, the same credentials, minutes ago ─► answer
//	   │
//	   └───► flight (one per namespace and request): Resolve ─► the store knows what this identity gave ─► answer
//	              │
//	              └───► flight (one per identity): Open ─► store.Put ─► answer
//
// Flights do not belong to the callers that wait for them. A caller whose context
// ends gets v1alpha1.ReasonPending; the flight goes on, and who asks again joins it. All
// flights belong to Start, which cancels them and waits for them when the server
// stops.
//
// # Whose turn it is
//
// Resolutions and downloads wait for their turn at a gate each. One host and one
// namespace get at most half of its places, and who has the fewest goes first: a
// host that hangs, or a namespace that asks for much, holds nobody else up. A
// namespace waits in its own queue, also for what another waits for; what is being
// downloaded is joined. A server that drips is given up (source.Options.SlowAfter).
//
// # Who may use what
//
// A module in the store is not a licence to use it: it may have come from another
// namespace's private image. Each request is resolved with its own credentials,
// which the registry judges, and is answered from the store only if this very
// identity (a manifest's digest, a URL with its declared hash, a ConfigMap's
// version) gave that module before. Knowing a module's hash is not enough.
//
// # Sub-packages
//
//   - failure: classified errors
//   - egress: the HTTP transport that refuses addresses at dial time
//   - source: registry, object and ConfigMap sources; image: the shapes of images
//   - module: what a file must be to be a module that Envoy can load
//   - store: modules on disk
//   - serve: the HTTP server from which Envoy loads modules
//   - fill: brings a module that this replica lacks from another, or from its
//     source; and evicts what nobody references
package fetch
