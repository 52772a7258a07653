// SPDX-License-Identifier: Apache-2.0

// Package source resolves where a module comes from and streams its bytes.
//
// [Sources] answers a [Request] with a [Resolved]: an immutable reference, a key that names these very bytes, and a
// function that opens them. There are three kinds of source:
//
//   - registry: an image, whose tag is resolved with the caller's own credentials each time. That the module is in a
//     cache proves nothing about who may have it, so a request is sent even when a pinned digest is known.
//   - object: a file behind an http or https URL, bare, compressed or in a tar archive. No credentials are sent.
//   - configMap: a key of the binaryData of a ConfigMap.
//
// # Errors
//
// Every error is a *failure.Error. Its message is made of what we know ourselves: what was attempted, status codes,
// registries' error codes. The text of an answer is never repeated; a library's own text is cut to a line, without
// URLs' queries and the credentials that were used. So neither a credential that a server echoes nor a signed URL gets
// into a status or a log.
//
// # Trust
//
// All requests go through package egress. Each response is bounded: manifests, tokens and error bodies by fixed
// limits, the module by Options.MaxModuleBytes, compressed content by what package image allows around it, and all of
// them by a least rate. A declared size allocates nothing. The registry client's fallback to plain http for private
// addresses is switched off: only hosts that were configured as such get requests without TLS.
package source
