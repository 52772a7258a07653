// SPDX-License-Identifier: Apache-2.0

// Package hostproxy puts a filter before an HTTP handler, with package host in the place of Envoy: for a developer who has no
// Envoy.
//
// What differs from Envoy, beside what package host names: bodies pass the filter whole, of at most 16 MiB; there is one
// virtual machine; and there are no clusters, so that each call-out fails.
package hostproxy
