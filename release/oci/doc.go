// SPDX-License-Identifier: Apache-2.0

// Package oci makes images of programs without a container engine: one for each platform, with the program, the license and
// nothing else, not as root; an index of them, which also holds the SBOM and the provenance of each; an OCI layout on disk; and
// the push to a registry.
//
//	index ─┬─ image linux/amd64 ─── layer: /wasmer, /LICENSE
//	       ├─ image linux/arm64
//	       ├─ attestations of the first ─── in-toto statements: SPDX, SLSA provenance
//	       └─ attestations of the second
//
// The attestations are entries of the index, in BuildKit's format: with one digest for all, they go wherever the index is copied,
// to registries without the referrers API too.
package oci
