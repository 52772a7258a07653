// Package mesh reads from a Pod how it is part of Istio's mesh, and says what of Pods
// the manager's cache holds.
//
// The packages proxies and preflight read Pods from the cache, and nothing else does.
// What they need of them is decided here: a field that is read must be kept by
// TrimPod. It leaves out the rest, so that a cluster's Pods take little memory.
package mesh
