// SPDX-License-Identifier: Apache-2.0

// Package agreement compares package host of the product with a real Envoy: a filter, e2e/probe, logs what it sees at each
// step, and both have to show it the same.
package agreement
