// SPDX-License-Identifier: Apache-2.0

// Package resilience holds the tests of what AutoWasm does when a part of it is
// away, crashes or is configured otherwise. They stop and start wasmer, so they
// run one after another on an environment of their own.
package resilience
