// SPDX-License-Identifier: Apache-2.0

// Command add-header is a Proxy-Wasm filter in plain Go: it adds a header to every
// response, hello: world unless its configuration says otherwise.
//
// It needs no SDK. The functions that Envoy calls are marked go:wasmexport
// (filter.go), those that it offers go:wasmimport (host.go), and both work on
// integers that point into the module's memory (memory.go). See README.md.
package main
