// Package render turns an AutoWasm and the module that its source resolved to
// into the Istio EnvoyFilter that carries the module to the selected proxies.
//
// EnvoyFilter is a pure function: no network, no clock, no randomness. The same
// input gives the same bytes (Unstructured, YAML), so that a controller can write
// only on a difference (Equal) and the proxies are never disturbed for nothing.
//
// What it renders is built from the typed messages of Istio and Envoy, and Envoy's
// own rules are checked before anything leaves this package, because istiod does
// not check them: a mistake would only be seen as a listener that every proxy
// refuses. A user's strings reach only the fields that exist for them; nothing
// that a user writes can add a field or a patch.
//
// The package also holds the marks by which the server knows its own EnvoyFilters:
// labels, annotations (SetProvenance) and the field manager (OwnedBy).
package render
