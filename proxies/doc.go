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
// That the module runs as well shows in the number of virtual machines alone, which Envoy does not count by plugin:
// the main thread has two for each set of plugins that share a vm_id and a module, and each worker has one.
//
// A proxy that ends soon after its filter changed may have died of it (restarts.go). Its Pod says when it ended last.
//
// Versions keeps of which version of Istio each proxy is, on every replica, for package preflight.
//
// An Istiod reads which proxies rejected what they were last sent, and why. Evaluate makes one State of all that. It
// can be wrong where the number of machines misleads: other people's plugins count as one set, however many they are,
// so that one of theirs which runs can hide one of ours which does not, and the other way round.
package proxies
