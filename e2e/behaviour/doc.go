// SPDX-License-Identifier: Apache-2.0

// Package behaviour holds the tests of what AutoWasm does for its user while
// nothing fails: the tutorial, dry runs, applying twice, updates, deletion,
// sources of every kind, and each refusal with its words. They share one
// environment. What is done when something fails is in package resilience.
package behaviour
