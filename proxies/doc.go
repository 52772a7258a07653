// Package proxies finds out what becomes of a filter in the proxies that should run
// it. Nobody tells: istiod knows only that a proxy took or refused a listener, and a
// proxy whose module did not load goes on without it, or with an answer 503.
//
// An Asker asks a proxy, at the port where Istio's proxies show their statistics to
// anybody. A proxy has the counter wasm.<name>.vm_reload for each plugin in a listener
// that is active, is warming or drains, and the names of our plugins say which filter
// with which configuration they are: so the counter, at whatever value, shows that the
// proxy has taken exactly this one. It is gone when a listener was refused. Envoy
// has these counters since 1.33, which brought the failure policy FAIL_RELOAD.
//
// That the module runs as well shows in the number of virtual machines alone, which
// Envoy does not tell apart by plugin: the main thread has two for each set of plugins
// that share a vm_id and a module, and each worker has one.
//
// A Control asks istiod which proxies refused what they were last sent, and why.
//
// Judge makes of these and of what else is known one State. It can be wrong where the
// number of machines misleads: other people's plugins count as one set, however many
// they are, so that one of theirs which runs can hide one of ours which does not, and
// the other way round.
package proxies
