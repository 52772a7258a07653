// SPDX-License-Identifier: Apache-2.0

// Package failure classifies what can go wrong between an AutoWasm's source and the store.
//
// Every error that leaves the fetching packages is a *failure.Error. Its Reason becomes that of a condition and an
// Event, and a metric's label. Retrying does not help against a terminal failure (the image does not exist, the module
// is not a Proxy-Wasm module): it denies an admission. A transient one (a timeout, a registry that answers 503, a
// Secret that does not exist yet) may pass by itself and is retried.
package failure
