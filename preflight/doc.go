// Package preflight tells, from what the cluster has, that a filter will not run as
// its AutoWasm asks: nothing is selected, a port is none of Istio's, or the proxies
// cannot reach the module server.
//
//	Pods, Services, Istio's objects ─► caches ─► Loader.Load ─► View ─► Check ─► []Finding
//	                                                                              │
//	                                       warnings of an admission, PreflightPassed in the status
//
// Check is pure. Load reads caches only, so that nobody waits for it; what a cluster
// does not have, or wasmer may not see (Kinds), is nothing that it speaks of. Findings
// are advice: they deny nothing, since what is missing may come later.
//
// What is said holds for Istio 1.31, whose code the rules follow. Some things cannot
// be seen from the cluster's objects, and are left out rather than guessed: MeshConfig
// (defaults of exportTo, discoverySelectors), a VirtualService that brings a hidden
// service back to a Sidecar, a gateway whose clusters are those of its routes alone
// (the rendered EnvoyFilter names the module server for it). Nor can a filter of ours
// come before Istio's authentication and authorization: it is always placed right
// before the router, and its priority orders it among EnvoyFilters only.
package preflight
