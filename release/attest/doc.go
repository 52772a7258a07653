// SPDX-License-Identifier: Apache-2.0

// Package attest describes a program that was built: what it is made of, as an SPDX 2.3 document (SBOM), and from what and
// how, as SLSA provenance v1. Both are in-toto statements about an image, whose bytes depend on nothing but their arguments.
// They are not signed: they say what the one who made the image says.
package attest
