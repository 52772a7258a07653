// SPDX-License-Identifier: Apache-2.0

// Package build makes the programs that the embedded environment runs, from source, with nothing but Go.
//
// There are three kinds. A Part is a third party's program (etcd, the control plane, a registry, cert-manager) that has a Go
// module of its own beside this one, so that its requirements never mix with the product's. It takes long to
// build and changes rarely: it is kept outside of the checkout, under CacheDir, by a key of everything that
// decides its bytes, and built once for all checkouts. A product binary is ours, changes all the time and
// builds fast: it goes to bin/ of the checkout each time.
//
// Filters are proxy-wasm modules of plain Go from a module of their own, whose packages other people wrote, or are like
// the examples of other people's SDK. They are kept as parts are.
//
// All are built to a temporary name and renamed, so that a reader sees a whole program or none, and a Part's
// build is guarded by a file lock, so that two that start at once do the work once.
package build
