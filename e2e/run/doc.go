// SPDX-License-Identifier: Apache-2.0

// Package run holds the tests of wasmc run with a real Envoy.
package run
