// Package failure classifies what can go wrong between an AutoWasm's source and
// the store.
//
// Every error that leaves the fetching packages is a *failure.Error. It carries a
// Reason, which becomes the reason of a condition, an Event and a metric's
// label, and says whether it is terminal. Retrying does not help against a terminal
// failure (the image does not exist, the module is not a Proxy-Wasm module): it
// denies an admission. A transient one (a timeout, a registry that answers 503, a
// Secret that does not exist yet) may pass by itself and is retried.
package failure
