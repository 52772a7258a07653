// SPDX-License-Identifier: Apache-2.0

// Package module checks, without compiling or running it, whether a WebAssembly module can run in Envoy.
//
// Envoy loads a module only if it is a core module (not a component) that exports a proxy_abi_version_* function and a
// memory allocator, and only if the host provides each import with exactly that type. Otherwise Envoy logs one line
// and the proxy answers 503. [Inspect] makes the same checks, and says which one failed and what to do about it. It
// also refuses what crashes Envoy: a module that does not export its memory, or that imports a second memory or table.
// [Describe] returns the same facts without refusing a module because of them.
//
// The parser follows the binary format of the WebAssembly core specification, reads the file through an io.ReaderAt,
// and holds a few KiB of it. It skips code, data and custom sections, so a module of 32 MiB takes milliseconds. No
// declared size or count allocates memory. Function bodies are not validated: that takes an engine.
//
// What Envoy calls is in exports.go, what it provides in host.go, with the date since when.
//
// Package wasmtest builds small modules, valid and not, for tests.
package module
