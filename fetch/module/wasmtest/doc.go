// SPDX-License-Identifier: Apache-2.0

// Package wasmtest builds tiny WebAssembly modules in memory, good and bad, for
// tests.
//
//	wasmtest.Module()                           // Envoy runs it; 0.2.1, imports proxy_log
//	wasmtest.Module(wasmtest.Salt("b"))         // the same, with another digest
//	wasmtest.Module(wasmtest.Padding(20<<20))   // exactly 20 MiB, incompressible
//	wasmtest.NoABI(), wasmtest.Component(), …   // each refused for its own reason
//
// The same call always returns the same bytes.
package wasmtest
