// SPDX-License-Identifier: Apache-2.0

// Package webhook serves the API server's admission requests about AutoWasm objects. It decodes them, reads
// namespaces, keeps to a time budget and builds responses; what an AutoWasm has to be is in package validation.
//
// /mutate-autowasm fills what is absent, and fills anew what it filled before (validation.Default): a pure function of the
// request and of its namespace's annotations, without side effects.
//
// /validate-autowasm holds the promise that an object is either refused with the reason, or will run. It
//
//  1. checks the whole object again, as untrusted input (validation.Validate);
//  2. warns of what in the cluster keeps the filter from running, as far as caches know it (package preflight);
//  3. resolves the source and fetches the module within a budget. A terminal failure denies, a transient one admits
//     with a warning, and the fetch goes on in the background;
//  4. tries the module as the object configures it (package trial), within a time. One that no proxy can run so is denied
//     with its own words; what depends on the proxy is not;
//  5. on a create stages the EnvoyFilter, that is, creates it before the AutoWasm is persisted; on an update, and where
//     staging is off, it only has the API server dry-run the write, so that Istio's own validation can refuse it.
//
// What is staged has no owner reference, because the AutoWasm has no persisted identity yet; the controller adopts
// it, or sweeps it when the AutoWasm never came to be. The controller is complete without this package: everything
// here that is slow or fails for a reason of its own ends in an admission with a warning, never in a denial.
//
// # Trust
//
// The handlers trust nothing in a request, and cannot know that it is the API server's: whoever can connect to the
// port can send one about any namespace. What comes of that is bounded. No response has a module's sha256, with which
// the module could be loaded, that the object does not name. Nothing is fetched or staged for the namespaces that the
// webhook configurations leave out, wasmer's and Istio's root among them. What remains is that a pull secret is used,
// though not shown, that warnings name ports, Services and Sidecars of the object's namespace, and that an
// EnvoyFilter is staged which the sweep removes.
//
// To end that too, let only the API server connect. The flag --webhook-client-ca requires its client certificate, where
// it is given one for webhooks, which is not so by default. A NetworkPolicy can name its addresses, which are each
// cluster's own: manifests/options/networkpolicy.yaml is an example to fill in. Or turn staging off.
package webhook
