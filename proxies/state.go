package proxies

// State is what has become of a filter in one proxy.
type State string

// The states.
const (
	// Running: the proxy has the filter, and its virtual machines run.
	Running State = "Running"
	// Loading: the proxy waits for the module, or has not heard of the filter yet.
	Loading State = "Loading"
	// LoadFailing: the proxy waits for the module for longer than a load takes. It goes on
	// trying; of loads that fail it tells only when it has given up.
	LoadFailing State = "LoadFailing"
	// NotInserted: the proxy has no listener that the filter goes into.
	NotInserted State = "NotInserted"
	// Refused: the proxy refuses the listeners that the filter is in, and goes on with
	// the former ones.
	Refused State = "Refused"
	// LoadFailed: the proxy gave up loading the module.
	LoadFailed State = "LoadFailed"
	// StartFailed: the proxy has the module, which does not start.
	StartFailed State = "StartFailed"
	// Unknown: the proxy does not show what is needed to tell.
	Unknown State = "Unknown"
)

// Evidence is what is known of one proxy that should run a filter.
type Evidence struct {
	// Report is what the proxy says.
	Report Report
	// Served: a module server has sent the whole module to the proxy's address since the
	// proxy started.
	Served bool
	// Confirmed: the filter was seen Running in this proxy, which has not started anew.
	Confirmed bool
	// Broken are former revisions of the filter that did not start in this proxy: they
	// have no virtual machines, while it drains their listeners.
	Broken []string
	// Settled: the filter has been in force for long enough for a proxy to have heard
	// of it.
	Settled bool
	// Overdue: the filter has been in force for longer than a load takes.
	Overdue bool
	// Drained: the filter has been in force for longer than the listeners that it replaced
	// are kept.
	Drained bool
	// Refusal is why the proxy refused its last listeners; "" when it did not, or when
	// that is not known.
	Refusal string
	// Accepted: it is known that the proxy did not refuse its last listeners.
	Accepted bool
}
