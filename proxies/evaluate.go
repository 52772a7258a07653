// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/render"
)

// State is what has become of a filter in one proxy.
type State string

// The states.
const (
	// Running: the proxy has the filter, and its virtual machines run.
	Running State = "Running"
	// Trapping: the proxy runs the filter, which traps on requests again and again; each is answered 503.
	Trapping State = "Trapping"
	// Loading: the proxy waits for the module, or has not been sent the filter yet.
	Loading State = "Loading"
	// LoadFailing: the proxy waits for longer than a load takes. That one failed shows only when it has given up.
	LoadFailing State = "LoadFailing"
	// NotInserted: the proxy has no listener that the filter goes into.
	NotInserted State = "NotInserted"
	// Rejected: the proxy rejects the listeners that the filter is in, and keeps the former ones.
	Rejected State = "Rejected"
	// LoadFailed: the proxy gave up loading the module.
	LoadFailed State = "LoadFailed"
	// StartFailed: the proxy has the module, which does not start.
	StartFailed State = "StartFailed"
	// Restarting: the proxy ended soon after the filter changed, and does not run yet.
	Restarting State = "Restarting"
	// CrashLooping: it has ended again since.
	CrashLooping State = "CrashLooping"
	// Unknown: the proxy cannot be scraped, or does not show what is needed.
	Unknown State = "Unknown"
)

// Evidence is what is known of one proxy that should run a filter.
type Evidence struct {
	// Report is what the proxy shows.
	Report Report
	// Served: a module server has sent the whole module to the proxy's address since the proxy started.
	Served bool
	// Confirmed: the filter was found Running in this proxy, which has not restarted since.
	Confirmed bool
	// Started: what the proxy has counted since before it had the filter shows that the filter has started.
	Started bool
	// FailedRevisions are those of the filter, former ones and the present one, that did not start: they have no virtual
	// machines.
	FailedRevisions []string
	// Settled: the filter has been in force for long enough to have been sent to the proxy.
	Settled bool
	// Overdue: the filter has been in force for longer than a load takes.
	Overdue bool
	// Drained: the filter has been in force for longer than replaced listeners are kept.
	Drained bool
	// Rejection is why the proxy rejected its last listeners; "" when it did not, or when that is not known.
	Rejection string
	// Accepted: it is known that the proxy did not reject its last listeners.
	Accepted bool
}

// Evaluate returns what has become of a filter in a proxy, and why, as a predicate of the proxy; "" for Running.
func Evaluate(want render.Plugin, e Evidence) (State, string) {
	e.Report.Filters = without(e.Report.Filters, want, e.FailedRevisions)
	if slices.ContainsFunc(e.Report.Filters, func(f render.Plugin) bool { return f.Revision == want.Revision }) {
		return evaluatePresent(want, e)
	}
	return evaluateAbsent(e)
}

// without leaves out former revisions of a filter.
func without(all []render.Plugin, want render.Plugin, former []string) []render.Plugin {
	if len(former) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(f render.Plugin) bool {
		return f.Owner == want.Owner && f.Revision != want.Revision && slices.Contains(former, f.Revision)
	})
}

// evaluatePresent is for a filter that is in a listener of the proxy.
func evaluatePresent(want render.Plugin, e Evidence) (State, string) {
	r, certain := e.Report, e.certain(want)
	switch {
	case e.Confirmed, (e.Started || r.Restarts[want] > 0) && r.settled():
		return Running, ""
	case r.Workers == 0:
		return Unknown, "does not show how many workers it has: its bootstrap hides the statistic server.concurrency"
	case int64(r.VMs) >= r.needed() && int64(r.VMs) < certain && !e.failedBefore(want):
		return Loading, "seems to run the module; " + e.doubt(want)
	case int64(r.VMs) >= certain && (r.Warming == 0 || e.Overdue):
		// A module that is about to fail has virtual machines while its listener warms.
		return Running, ""
	case (r.Warming > 0 || r.Starting) && e.Overdue:
		return LoadFailing, "still tries to load the module" + r.failures()
	case r.Warming > 0 || r.Starting:
		return Loading, "waits for the module" + r.failures()
	case !e.Settled:
		return Loading, "has just taken the filter"
	case !e.Served && r.FetchFailures > 0:
		return LoadFailed, "gave up loading the module" + r.failures()
	}
	why := fmt.Sprintf("has the module, but runs only %d of the %d virtual machines that its filters need: "+
		"the module traps at its start, refuses its configuration, or this Envoy cannot run it; the proxy's log says which", r.VMs, max(r.needed(), certain))
	return StartFailed, why + r.sharedNote()
}

// evaluateAbsent is for a filter that is in no listener of the proxy.
func evaluateAbsent(e Evidence) (State, string) {
	r := e.Report
	switch {
	case e.Rejection != "":
		return Rejected, "refused its listeners: " + oneLine(e.Rejection)
	case r.Workers == 0:
		return Unknown, "shows none of the statistics that tell: its bootstrap hides them"
	case !e.Settled:
		return Loading, "has not taken the filter yet"
	case r.nameless():
		return Unknown, "runs modules but does not name them: Envoy does since 1.33"
	case e.Served && r.wasmless():
		return Unknown, "has loaded the module but shows no statistics of modules: its bootstrap hides them"
	case r.Rejected > 0 && !e.Accepted:
		return Rejected, fmt.Sprintf("does not have the filter, and has refused listeners since it started (%s): "+
			"look for ACK ERROR in istiod's log", count(r.Rejected, "update"))
	}
	return NotInserted, "has no HTTP listener that the filter's ports and context match"
}

// certain is how many virtual machines there must be before their number shows that a filter runs: not only as many as
// all need, while those of others may be there twice or be left of what trapped.
func (e Evidence) certain(want render.Plugin) int64 {
	certain := e.Report.needed() + e.Report.left(want)
	if e.drains(want) {
		certain += e.Report.doubles(want)
	}
	return certain
}

// drains reports whether former listeners are still there. How long they stay is not known for sure: this believes in no
// longer than it should be, but where a filter was found not to start, as that is for good.
func (e Evidence) drains(want render.Plugin) bool {
	return e.Report.Draining > 0 && (!e.Drained || e.failedBefore(want))
}

// doubt says why a filter that seems to run may not.
func (e Evidence) doubt(want render.Plugin) string {
	if e.drains(want) {
		return "that is certain when its former listeners are drained"
	}
	return "some of its virtual machines may be left of other filters that trapped, so that it is certain when the filter is changed"
}

func (e Evidence) failedBefore(want render.Plugin) bool {
	return slices.Contains(e.FailedRevisions, want.Revision)
}

// needed is how many virtual machines there must be when all plugins run.
func (r Report) needed() int64 { return r.machines(r.Filters) }

// doubles is how many virtual machines there may be twice while former listeners drain: those of the other filters, and
// of former revisions with another module. Envoy gives a filter new ones when it first meets its module in the cache,
// having fetched it before.
func (r Report) doubles(want render.Plugin) int64 {
	return r.machines(slices.DeleteFunc(slices.Clone(r.Filters), func(f render.Plugin) bool { return f.VM == want.VM }))
}

// left is how many virtual machines may be left of other filters that trapped: Envoy keeps that of a worker beside the one
// that replaces it. Fewer than a set's cannot be taken for one that runs.
func (r Report) left(want render.Plugin) int64 {
	vms := map[string]struct{}{}
	for f := range r.Restarts {
		if f.VM != want.VM {
			vms[f.VM] = struct{}{}
		}
	}
	if left := int64(r.Workers) * int64(len(vms)); left >= r.set() {
		return left
	}
	return 0
}

// machines is how many run for some filters and the other plugins: two of the main thread and one of each worker for
// each set that shares them.
func (r Report) machines(filters []render.Plugin) int64 {
	vms := map[string]struct{}{}
	for _, f := range filters {
		vms[f.VM] = struct{}{}
	}
	sets := int64(len(vms))
	if r.Others > 0 {
		sets++
	}
	return r.set() * sets
}

// nameless reports whether there are virtual machines but no plugins.
func (r Report) nameless() bool { return r.VMs > 0 && len(r.Filters) == 0 && r.Others == 0 }

// wasmless reports whether there is no sign of modules at all.
func (r Report) wasmless() bool {
	return r.VMs == 0 && len(r.Filters) == 0 && r.Others == 0 && r.FetchFailures == 0 && r.FetchSuccesses == 0
}

func (r Report) failures() string {
	if r.FetchFailures == 0 {
		return ""
	}
	return fmt.Sprintf("; since it started, %s of modules failed", count(r.FetchFailures, "load"))
}

// sharedNote says that a number is about several filters.
func (r Report) sharedNote() string {
	all := len(r.Filters) + r.Others
	if all < 2 {
		return ""
	}
	return fmt.Sprintf("; the number is that of %d filters together, and which of them does not run it does not tell", all)
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// maxRejection is how much of why a proxy rejected something is reported, in bytes.
const maxRejection = 300

// oneLine makes one line of bounded length of what a proxy or istiod wrote.
func oneLine(s string) string {
	return text.Truncate(strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " "), maxRejection)
}
