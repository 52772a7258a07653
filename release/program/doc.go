// SPDX-License-Identifier: Apache-2.0

// Package program builds wasmer and wasmc for a platform, so that the same commit, version and Go toolchain give the same
// bytes on every machine: without cgo, paths, and what Go would record of the checkout by itself.
package program
