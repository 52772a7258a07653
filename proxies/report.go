package proxies

import "regexp"

// Filter is a filter of ours that a proxy has, as its name tells: see render.Plugin.
type Filter struct {
	// Owner is the beginning of its name, the same for all revisions of one filter, as
	// OwnerOf writes it.
	Owner string
	// VM tells virtual machines apart; filters that share one have it in common.
	VM string
	// Revision tells one filter and its configuration from all others.
	Revision string
}

// OwnerOf returns the Owner of filters whose plugins' names begin so, such as
// "autowasm.default.test".
func OwnerOf(name string) string { return notAllowed.ReplaceAllString(name, "_") }

// notAllowed is what Prometheus' format does not allow in a name.
var notAllowed = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// Report is what a proxy says of the modules that it runs. Its zero value is that of
// a proxy that shows no statistics.
type Report struct {
	// Filters are those of ours, sorted and distinct, in listeners that are active, are
	// warming or drain.
	Filters []Filter
	// Others is the number of other plugins.
	Others int
	// VMs is the number of virtual machines that run: Workers+2 for each set of filters
	// that share one, none for a filter whose module did not load or start.
	VMs int
	// Workers is the number of worker threads; 0 means that the proxy hides it.
	Workers int
	// Warming is the number of listeners that wait, for a module perhaps.
	Warming int
	// Draining is the number of former listeners and filter chains that are still there.
	// A filter that is in a former one and in the present one can have its virtual
	// machines twice until then.
	Draining int
	// Starting is true before the proxy listens: it waits for its first configuration, a
	// module's load included.
	Starting bool
	// Rejected is how many updates of listeners were refused since the proxy started.
	Rejected int64
	// FetchFailures and FetchSuccesses count loads of modules since the proxy started.
	FetchFailures, FetchSuccesses int64
}
