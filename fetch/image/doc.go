// SPDX-License-Identifier: Apache-2.0

// Package image reads modules out of OCI and Docker images and out of files, and builds the images that wasmc pushes.
//
// # Reading
//
// [Open] streams the module of an image. The media types of its layers decide first: a layer of a WebAssembly type is
// the module. Otherwise the layers are searched from the last to the first. The first bytes of a layer say what it is:
// a bare module, or a tar archive, either of them uncompressed or compressed by gzip or zstd. In an archive
// plugin.wasm is the module, or else the only *.wasm file. [Select] chooses the manifest of an image index that holds
// the module, and [Unpack] does for a file behind a URL what Open does for a layer.
//
// # Trust
//
// An image is untrusted input. No declared size allocates memory. The module is capped, and so is everything that is
// read and decompressed on the way to it, at sixteen times the cap of the module, which bounds decompression bombs in
// front of and behind the module too. The numbers of layers, archive entries, manifests of an index and whiteouts are
// bounded. A link is never followed. Every manifest is decoded in one place, in manifest.go.
//
// The bytes may be trusted only once Read has returned io.EOF: the rest of the layer is read before that, so that its
// digest is verified and a second plugin.wasm behind the first is found.
//
// # Errors
//
// What is wrong with an image is a terminal *failure.Error: UnsupportedImage, TooLarge or DigestMismatch. Errors of
// the registry are wrapped but not classified: that is for the caller.
//
// # Building
//
// [Image] builds what docker build would (the format "image"), [Binary] the uncompressed two-layer artifact of Solo's
// wasme (the format "binary"). The same module always gives the same digest.
package image
