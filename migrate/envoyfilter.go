// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"math"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
)

// Names in patches of HTTP filters, with those that Istio took until 1.18.
const (
	connectionManager    = "envoy.filters.network.http_connection_manager"
	oldConnectionManager = "envoy.http_connection_manager"
	routerFilter         = "envoy.filters.http.router"
	oldRouterFilter      = "envoy.router"
	wasmFilter           = "envoy.filters.http.wasm"
)

// concernsWasm reports whether an EnvoyFilter names a Wasm filter, or one that is defined elsewhere in the input.
func (m *migration) concernsWasm(object manifest.Object) bool {
	return slices.ContainsFunc(patchesOf(object), func(patch *fields) bool {
		value := child(child(patch.left, "patch"), "value")
		return m.kindOf(object.Namespace(), value) != otherValue || mentionsWasm(value)
	})
}

// mentionsWasm reports whether a type or name in a value is of Wasm.
func mentionsWasm(value any) bool {
	switch value := value.(type) {
	case string:
		return value == wasmFilter || strings.Contains(value, ".wasm.v")
	case []any:
		for _, item := range value {
			if mentionsWasm(item) {
				return true
			}
		}
	case map[string]any:
		for _, item := range value {
			if mentionsWasm(item) {
				return true
			}
		}
	}
	return false
}

func (m *migration) envoyFilter(s *subject) {
	s.loads = map[string]bool{}
	s.gateways = s.selectBy(s.spec.child("workloadSelector").strings("labels"))
	priority, _ := s.spec.number("priority", math.MinInt32, math.MaxInt32)
	var others []*fields
	for _, patch := range s.spec.items("configPatches") {
		if !m.patch(s, patch) {
			others = append(others, patch)
		}
	}
	for _, patch := range others {
		s.otherPatch(patch)
	}
	s.merge()
	s.order(priority)
}

// patch reads a patch that inserts a Wasm filter, or defines one, and reports false for any other.
func (m *migration) patch(s *subject, patch *fields) bool {
	inserted := child(patch.left, "patch")
	operation, _ := inserted["operation"].(string)
	inserts := operation == "ADD" || strings.HasPrefix(operation, "INSERT")
	kind := m.kindOf(s.object.Namespace(), child(inserted, "value"))
	switch applyTo := patch.left["applyTo"]; {
	case applyTo == "EXTENSION_CONFIG" && kind == wasmValue:
		m.definition(s, patch)
	case applyTo == "HTTP_FILTER" && kind != otherValue && inserts:
		m.insertion(s, patch)
	default:
		return false
	}
	return true
}

// otherPatch names a patch that is not about a Wasm filter, but for the cluster that a module was loaded from.
func (s *subject) otherPatch(patch *fields) {
	name, _ := child(child(patch.left, "patch"), "value")["name"].(string)
	if patch.left["applyTo"] == "CLUSTER" && s.loads[name] {
		s.leftOut(patch.path, "the proxies loaded the module from cluster %s, and load it from wasmer now: keep the patch only if the filter itself calls this cluster", name)
	} else {
		s.notMapped(patch.path, "it does not insert a Wasm filter for HTTP: keep it in an EnvoyFilter of its own")
	}
	patch.left = nil
}

// insertion reads a patch that puts a Wasm filter among those of HTTP.
func (m *migration) insertion(s *subject, patch *fields) {
	d := &draft{findings: s.part()}
	patch.found = d.findings
	patch.take("applyTo")
	match := patch.child("match")
	match.strict = true
	inserted := patch.child("patch")
	inserted.leaveOut("Istio has never used it", "filterClass")
	m.where(s, d, match, inserted)
	m.filterValue(s, d, inserted.messages("value"))
	patch.finish()
	s.drafts = append(s.drafts, d)
}

// messages is a child that is in the JSON of Envoy's messages.
func (f *fields) messages(name string) *fields {
	value := f.child(name)
	value.proto = true
	return value
}

// where reads which proxies, ports and place a patch is for.
func (m *migration) where(s *subject, d *draft, match, inserted *fields) {
	path := match.at("context")
	all := s.patchContexts(d, path, match.text("context"))
	d.filter.ProxyVersion = match.child("proxy").text("proxyVersion")
	listener := match.child("listener")
	port, _ := listener.number("portNumber", 0, math.MaxUint16)
	if name := listener.left["name"]; name == "virtualInbound" && len(all) == 1 && all[0] == v1alpha1.Inbound {
		listener.leaveOut("it is the listener of all inbound traffic", "name")
	}
	for _, context := range m.wanted(s, path, all) {
		d.in(context, port)
	}
	if len(all) > 1 {
		s.sayContexts(d, path)
	}
	d.anchor(listener.child("filterChain").child("filter"), inserted)
}

func (s *subject) patchContexts(d *draft, path, context string) []v1alpha1.Context {
	switch context {
	case "", "ANY":
		if s.gateways {
			return []v1alpha1.Context{v1alpha1.Gateway}
		}
		return contexts
	case "SIDECAR_INBOUND":
		return []v1alpha1.Context{v1alpha1.Inbound}
	case "SIDECAR_OUTBOUND":
		return []v1alpha1.Context{v1alpha1.Outbound}
	case "GATEWAY":
		return []v1alpha1.Context{v1alpha1.Gateway}
	}
	d.refuse(path, "an AutoWasm is for sidecars and gateways, and this is for %s: keep the old object", context)
	return nil
}

// anchor reads where in the chain the filter stands: an AutoWasm's is right before the router.
func (d *draft) anchor(filter, inserted *fields) {
	d.oldName(filter, connectionManager, oldConnectionManager)
	sub := filter.child("subFilter")
	d.oldName(sub, routerFilter, oldRouterFilter)
	path, operation := inserted.at("operation"), inserted.text("operation")
	by, _ := sub.take("name").(string)
	manager, _ := filter.take("name").(string)
	if manager != "" && manager != connectionManager {
		d.refuse(filter.at("name"), "HTTP filters are in %s, and this names %q: correct it", connectionManager, manager)
	}
	switch {
	case operation == "INSERT_BEFORE" && by == routerFilter:
	case operation == "ADD", operation == "INSERT_AFTER" && (by == "" || by == routerFilter):
		d.changed(path, "the filter came after the router, where Envoy takes none: an AutoWasm's runs right before the router")
	case operation == "INSERT_FIRST", operation == "INSERT_BEFORE" && by == "":
		d.notMapped(path, "the filter ran before all others, and an AutoWasm's runs right before the router, after Istio's authentication and authorization: check that this will do, or keep the old object")
	default:
		d.notMapped(path, "the filter stood by %s, and an AutoWasm's runs right before the router: check that this will do, or keep the old object", by)
	}
}

// oldName puts the present name of a filter for the former one.
func (d *draft) oldName(filter *fields, now, before string) {
	if filter.left["name"] == before {
		filter.left["name"] = now
		d.changed(filter.at("name"), "since Istio 1.19 %s is the name of no filter, and this has no effect there: the AutoWasm has", before)
	}
}

func child(content map[string]any, name string) map[string]any {
	value, _ := content[name].(map[string]any)
	return value
}
