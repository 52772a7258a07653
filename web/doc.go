// SPDX-License-Identifier: Apache-2.0

// Package web serves a read-only page of what has become of AutoWasms: all of them, what runs where and why not, the
// filters of one proxy in their order, and the modules with who uses them.
//
// It shows what wasmc status prints, by the same package internal/status, and reads the manager's cache alone: no request
// causes a call to the API server, to istiod or to a registry. The status of the objects is the truth on every replica,
// which the leader writes; so each replica shows the same.
//
// While a page is open, the cache is read once a second. What was made of an AutoWasm is kept for as long as neither it nor its
// EnvoyFilter nor a Pod of its namespace changes (model.go, pods.go). A page loads all rows at a version (snapshot.go)
// and then follows the changes since that version as server-sent events (events.go). All pages share what is encoded:
// one that reads too slowly finds its version gone, and loads all rows again.
//
// The page itself is in static, plain HTML, CSS and JavaScript that needs no build. It puts what the server sends
// into the document as text alone, and its Content-Security-Policy allows nothing else.
package web
