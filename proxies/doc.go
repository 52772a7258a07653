// SPDX-License-Identifier: Apache-2.0

// Package proxies finds out what becomes of a filter in the proxies that should run it. Nothing reports that: istiod
// knows only whether a proxy accepted a listener, and one whose module did not load goes on without it, or answers 503.
//
//	AutoWasm, EnvoyFilter ─► target ─► Pods ─► scrape ─┐
//	                                           istiod ─┼► Evaluate ─► record ─► Snapshot ─► controller
//	                                  module requests ─┘                           (the status)
//
// The Reconciler runs on the leader, once for each AutoWasm whose EnvoyFilter is in force (target.go). It derives
// from cached objects alone which proxies should run what, scrapes them (observe.go) and keeps a record of each
// (record.go): which of them were confirmed to run the filter, which revisions did not start. A record is replaced,
// never changed, so that a Snapshot can be read at any time. While something is expected, the proxies are scraped
// within seconds, else at an interval. When the Snapshot has changed, or proxies that gave up should load again, the
// reconciler of AutoWasms is enqueued: it reads the Snapshot and writes the status.
//
// A StatsScraper scrapes a proxy's statistics, at the port where Istio's proxies show them to every client. A proxy
// has the counter wasm.<name>.vm_reload for each plugin in a listener that is active, warming or draining. The names
// of our plugins say which filter with which configuration they are, so the counter, at whatever value, shows that the
// proxy has taken exactly this one. It is gone when a listener was rejected. Envoy has it since 1.33.
//
// That the module runs as well shows in how many virtual machines there are, and how many were created; Envoy counts
// neither by plugin. For each set of plugins that share a vm_id and a module it creates one from which the others are
// cloned, one that tries the configuration and ends, one of the main thread and one of each worker: Workers+3 are created,
// Workers+2 run. A filter that an Envoy meets for the second time has another such set until the listener of the first
// has drained, since the first was made before the code was there, by which Envoy finds it. So a number that is large
// enough shows little while listeners drain. But one that does not start leaves machines that were created and do not run,
// two for each filter chain or, where it finds those of another, one. Where a filter is new, no load has failed and all
// that was created since before it came runs, it has started (history.go). What else creates machines or ends them makes
// this uncertain, and never certain: a listener that has drained meanwhile, a filter that trapped and was started again,
// which leaves one machine more for each worker. With a module that Envoy has in its cache, no listener is accepted in which
// it does not start; but Envoy drops a module that no listener was made with for a day, when one is made with another. A
// change of the configuration alone that does not start then goes unseen.
//
// Measured on Envoy 1.40.0 and 1.39.3 with two and three workers; e2e/mesh has it on live ones.
//
// A proxy that ends soon after its filter changed may have died of it (restarts.go). Its Pod says when it ended last.
//
// Versions keeps of which version of Istio each proxy is, on every replica, for package preflight.
//
// An Istiod reads which proxies rejected what they were last sent, and why. Evaluate makes one State of all that. It
// can be wrong where the number of machines misleads, that is without a history: other people's plugins count as one set,
// however many they are, so that one of theirs which runs can hide one of ours which does not, and the other way round.
package proxies
