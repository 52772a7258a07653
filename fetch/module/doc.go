// Package module judges whether the bytes of a .wasm file can run in Envoy,
// without compiling or running them.
//
// Envoy loads a module only when it finds everything in place: a core module
// (not a component), an exported proxy_abi_version_* function, an allocator, and
// no import that the host does not provide with exactly that signature. What is
// missing shows only in Envoy's own log, and the proxy answers 503. Inspect looks
// for the same things, and says which one is missing and what to do about it. It
// also refuses what makes Envoy crash: a module that hides its memory, or that
// imports a second memory or table.
//
// The file is read through an io.ReaderAt by a walker that holds a few KiB: code,
// data and custom sections are stepped over by their declared size, so a module
// of 32 MiB costs milliseconds. Nothing is ever allocated by a size or count that
// the file declares. What needs an engine stays unchecked: the code itself.
//
// What Envoy provides is data, in host.go and wasi.go, with the date since when
// the host has it. Describe tells the same facts without judging, for people.
//
// Package wasmtest builds tiny modules, good and bad, for tests.
package module
