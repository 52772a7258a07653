// Package failure classifies what can go wrong between an AutoWasm's source and
// the store.
//
// Every error that leaves the fetching packages is a *failure.Error. It carries a
// Reason, which becomes the reason of a condition, an Event and a metric's
// label, and says whether the answer is definite: a definite failure is the
// source's last word (the image does not exist, the module is not a Proxy-Wasm
// module) and denies an admission, an indefinite one (a timeout, a registry that
// answers 503, a Secret that is not there yet) may pass by itself and is retried.
package failure
