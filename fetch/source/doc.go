// Package source resolves where a module comes from and streams its bytes.
//
// A [Request] is one AutoWasm's source with the name of its pull secret. [Sources]
// answers it with a [Resolved]: an immutable reference, a key that names these very
// bytes, and a way to open them. There are three kinds of source:
//
//   - registry: an image, whose tag is looked up with the caller's own
//     credentials each time. That the module is in a cache proves nothing about
//     who may have it, so the registry is asked even when a pinned digest is known.
//   - object: a file behind an http or https URL, a bare module or one that is
//     compressed or in a tar archive. No credentials are sent.
//   - configMap: a key of the binaryData of a ConfigMap.
//
// # Errors
//
// Every error is a *failure.Error. Its message is made of what we know ourselves:
// what was attempted, status codes, registries' error codes. The text of an answer
// is never repeated. Where only a library's own words are left, they are cut to a
// line, without URLs' queries and without the credentials that were used. So neither a
// credential that a server echoes nor a signed URL gets into a status or a log.
//
// # Trust
//
// All requests go through package egress. Each response is bounded: manifests,
// tokens and error bodies by fixed limits, the module by Options.MaxModuleBytes,
// compressed content by what package image allows around it. A declared size
// allocates nothing. The registry client's habit of falling back to plain http
// for private addresses is switched off: only hosts that were named as such are
// spoken to without TLS.
package source
