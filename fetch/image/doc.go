// Package image reads a module out of an OCI image, whatever tool pushed it, and
// writes the two shapes that wasmc pushes.
//
// # Reading
//
// [Module] takes any image and streams the module's bytes. The layers' media
// types decide first: a layer whose type says WebAssembly is the module.
// Otherwise the layers are searched from the last to the first, and what they
// hold is told by its first bytes: a bare module, or a tar archive, as it is or
// compressed by gzip or zstd, in which plugin.wasm is looked for, or failing that
// the only file named *.wasm. [Select] chooses the child of an image index, and
// [Unpack] does for a plain file behind a URL what Module does for a layer.
//
// # Trust
//
// Nothing of an image is trusted. No declared size allocates memory. The module
// is capped, and so is everything that is read and unpacked on the way to it, at
// sixteen times the cap of the module, so that a bomb in front of the module is
// found as well as one in it. The numbers of layers, archive entries, index
// children and deleted files are bounded. A link is never followed.
//
// The bytes may be trusted only once Read has returned io.EOF: the rest of the
// layer is read before that, so that its digest has been verified and a second
// plugin.wasm cannot hide behind the first.
//
// # Errors
//
// What is wrong with an image is a terminal *failure.Error: UnsupportedImage,
// TooLarge or DigestMismatch. What went wrong on the way to the registry passes
// through wrapped, for the caller to classify.
//
// # Writing
//
// [Image] writes what docker build would (the format "image"), [Binary] the
// uncompressed two-layer shape of Solo's wasme (the format "binary"). The same
// module always gives the same digest.
package image
