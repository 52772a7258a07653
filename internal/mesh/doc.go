// SPDX-License-Identifier: Apache-2.0

// Package mesh reads from a Pod how it is part of Istio's mesh, and says what of Pods the manager's cache holds.
//
// The packages proxies, preflight and web alone read Pods from the cache. A field that they read must be kept by TrimPod,
// which leaves out the rest, so that a cluster's Pods take little memory. What is the same in all Pods of a template
// is there once: a Pod of the cache must not be changed.
package mesh
