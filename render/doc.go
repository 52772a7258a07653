// SPDX-License-Identifier: Apache-2.0

// Package render turns an AutoWasm and the module that its source resolved to into the Istio EnvoyFilter that carries
// the module to the selected proxies.
//
// EnvoyFilter is the only constructor, and a pure function: no network, no clock, no randomness. Admission, the
// controller and wasmc call it once package validation has let the AutoWasm pass, and the same input gives the same
// bytes. So the controller adopts what admission staged without a change to the spec, writes only on a difference
// (Equal), and disturbs no proxy for nothing.
//
// The typed messages of Istio and Envoy are rendered, and Envoy's own rules are checked before anything leaves this
// package, because istiod does not check them: a mistake would only show as a listener that every proxy refuses. A
// user's strings reach only the fields that exist for them; nothing that a user writes can add a field or a patch.
//
// The marks by which the server knows its own EnvoyFilters are here too: labels, annotations and the field manager.
package render
