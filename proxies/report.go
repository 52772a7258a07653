package proxies

// Filter is a filter of ours that a proxy has, as its name tells: see render.Plugin.
type Filter struct {
	// VM tells virtual machines apart; filters that share one have it in common.
	VM string
	// Revision tells one filter and its configuration from all others.
	Revision string
}

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
	// Starting is true before the proxy listens: it waits for its first configuration, a
	// module's load included.
	Starting bool
	// Rejected is how many updates of listeners were refused since the proxy started.
	Rejected int64
	// FetchFailures and FetchSuccesses count loads of modules since the proxy started.
	FetchFailures, FetchSuccesses int64
}
