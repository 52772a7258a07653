// SPDX-License-Identifier: Apache-2.0

package migrate

import "math"

// Istio orders its plugins by phase, and in a phase by priority: the higher runs first. AutoWasms have a priority alone,
// and the lower runs first. So each phase gets a range of priorities: plugins that are migrated by themselves, at
// different times, keep their order among each other.
const (
	phaseRange  = 1_000_000
	maxPriority = phaseRange/2 - 1
)

// phases are how many ranges a phase is before the plugins without one, and what of Istio's own runs in between.
var phases = map[string]struct {
	before int64
	passes string
}{
	"AUTHN": {3, "authentication and authorization"},
	"AUTHZ": {2, "authorization"},
	"STATS": {1, ""},
	"":      {},
}

// place is where istiod puts every plugin among its own filters, and where an AutoWasm is.
const place = "runs before Istio's fault injection, CORS and statistics, and an AutoWasm after them, right before the router: what Istio answers itself, such as a CORS preflight, no longer reaches the filter"

// order reads phase and priority.
func (d *draft) order(spec *fields) {
	path, name := spec.at("phase"), spec.text("phase")
	if name == "UNSPECIFIED" || name == "UNSPECIFIED_PHASE" {
		name = ""
	}
	phase, ok := phases[name]
	if !ok {
		d.refuse(path, "%q is not AUTHN, AUTHZ or STATS: correct it", name)
		return
	}
	higher := d.priorityIn(spec)
	if number := int32(-phase.before*phaseRange - higher); number != 0 {
		d.filter.Priority = &number
	}
	switch {
	case phase.passes != "":
		d.notMapped(path, "%s runs before Istio's %s, and an AutoWasm after it, right before the router: what Istio rejects no longer reaches the filter, and Istio does not see what the filter sets; check that this will do, or keep the old object",
			name, phase.passes)
	case name != "":
		d.changed(path, "%s %s", name, place)
	default:
		d.changed(path, "absent, the plugin %s", place)
	}
	if d.filter.Priority != nil {
		d.changed(spec.at("priority"), "it is %d, so that the AutoWasms of plugins keep their order, by phase and then the higher priority first; with an AutoWasm the lower runs first", *d.filter.Priority)
	}
}

// priorityIn reads the priority in a phase.
func (d *draft) priorityIn(spec *fields) int64 {
	path := spec.at("priority")
	higher, set := spec.number("priority", math.MinInt32, math.MaxInt32)
	switch {
	case higher > maxPriority || higher < -maxPriority:
		d.notMapped(path, "the order among plugins is kept for priorities from %d to %d, and this is %d: set spec.filter.priority, the lower runs first", -maxPriority, maxPriority, higher)
		return 0
	case set && higher <= 0:
		d.changed(path, "in Istio a plugin without a priority runs after this one, and as an AutoWasm before it, or by age: set spec.filter.priority of that one where it matters")
	}
	return higher
}
