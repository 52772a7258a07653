// Package webhook answers the API server's questions about AutoWasm objects.
//
// /mutate-autowasm fills what is absent (Default): a pure function of the request
// and of its namespace's annotations, without side effects.
//
// /validate-autowasm holds the promise that an object is either refused with the
// reason, or will run. It
//
//  1. checks the whole object again, as a hostile input (Validate);
//  2. prepares the module: resolves and fetches the source within a budget. A
//     definite failure denies, an indefinite one admits with a warning, and the
//     fetch goes on in the background;
//  3. generates: on a create it stages the EnvoyFilter, that is, creates it before
//     the AutoWasm is persisted; on an update, and where staging is off, it only
//     rehearses the write, so that Istio's own validation can refuse it.
//
// What is staged has no owner reference, because the AutoWasm has no persisted
// identity yet; the controller adopts it, or sweeps it when the AutoWasm never came
// to be. The controller is complete without this package: everything here that is
// slow or fails for a reason of its own ends in an admission with a warning, never
// in a denial.
//
// The handlers trust nothing in a request. Whoever can connect to the webhook's port
// can send one, though, and a staged EnvoyFilter lives until the sweep: let only the
// API server reach that port, or turn staging off.
package webhook
