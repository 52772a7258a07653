// SPDX-License-Identifier: Apache-2.0

// Package preflight finds, in what the cluster has, why a filter will not run as its AutoWasm asks: nothing is
// selected, a port is none of Istio's, or the proxies cannot reach the module server.
//
//	Pods, Services, Istio's objects ─► cache ─► Loader.Load ─► View ─► Check ─► []Finding
//	                                     │                                        │
//	                                     │             warnings of an admission, PreflightPassed in the status
//	                                     └─► Reconciler ─► AutoWasms whose status is outdated
//
// Kinds are what of it the cluster has and wasmer may watch, found out by Discover, and by Arrivals when they come later;
// Trim is what the cache keeps of them. Load reads the cache alone, so that an admission does not wait for it; nothing is concluded from a kind that is
// missing. Check is pure. Findings are advice: they deny nothing, since what is missing may come later. One alone can be
// refused: that selected proxies are of versions that a filter may kill (untested.go). These are what istiod knows of the
// proxies, for which a preflight waits a fraction of a second, and what the names of their images say.
//
// The Reconciler runs on the leader. It maps each change to the AutoWasms that it may concern, gathers changes for
// some seconds, and has those enqueued whose findings are not those of their status any more; the reconciler of
// AutoWasms, which writes the status, reads their Condition.
//
// The rules hold for Istio 1.31, whose code the rules follow. Some things cannot be seen from the cluster's objects,
// and are left out rather than guessed: MeshConfig (defaults of exportTo, discoverySelectors), a VirtualService that
// brings a hidden service back to a Sidecar, a gateway whose clusters are those of its routes alone (the rendered
// EnvoyFilter names the module server for it). Nor can a filter of ours come before Istio's authentication and
// authorization: it is always placed right before the router, and its priority orders it among EnvoyFilters only.
package preflight
