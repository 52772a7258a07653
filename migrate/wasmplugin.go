// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"math"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
)

// hasWasm reports whether a TrafficExtension is about a module, and not about a script.
func hasWasm(object manifest.Object) bool {
	spec, _ := object.Content["spec"].(map[string]any)
	return spec["wasm"] != nil
}

// wasmPlugin reads Istio's WasmPlugin.
func (m *migration) wasmPlugin(s *subject) { m.istioPlugin(s, s.spec) }

// trafficExtension reads Istio's TrafficExtension, which has a WasmPlugin's fields about the module one level below.
func (m *migration) trafficExtension(s *subject) { m.istioPlugin(s, s.spec.child("wasm")) }

func (m *migration) istioPlugin(s *subject, wasm *fields) {
	d := &draft{findings: s.part()}
	s.drafts = []*draft{d}
	selector := s.spec.child("selector")
	gateways := s.selectBy(selector.strings("matchLabels"))
	m.matchTraffic(s, d, gateways)
	d.order(s.spec)
	m.module(d, wasm)
	d.pluginSettings(wasm)
	d.vmSettings(wasm.child("vmConfig"))
}

// matchTraffic reads the directions and ports. A context is in force if any of the selectors has it.
func (m *migration) matchTraffic(s *subject, d *draft, gateways bool) {
	path, selectors := s.spec.at("match"), s.spec.items("match")
	if len(selectors) == 0 {
		selectors = []*fields{newFields(path, nil, s.findings)}
	}
	for _, selector := range selectors {
		numbers := selector.ports()
		for _, context := range m.wanted(s, path, s.contextsOf(selector.at("mode"), selector.text("mode"), gateways)) {
			for _, number := range numbers {
				d.in(context, number)
			}
		}
	}
	s.sayContexts(d, path)
}

// ports are those of a selector, 0 alone for all.
func (f *fields) ports() []int64 {
	var all []int64
	for _, selector := range f.items("ports") {
		number, ok := selector.number("number", 1, math.MaxUint16)
		if !ok {
			f.found.refuse(selector.at("number"), "a port without a number matches nothing: name it, or remove it")
		}
		all = append(all, number)
	}
	if len(all) == 0 {
		return []int64{0}
	}
	return all
}

// contextsOf are those of a mode: a gateway is a client to Istio.
func (s *subject) contextsOf(path, mode string, gateways bool) []v1alpha1.Context {
	var all []v1alpha1.Context
	switch mode {
	case "", "UNDEFINED", "CLIENT_AND_SERVER":
		all = contexts
	case "CLIENT":
		all = []v1alpha1.Context{v1alpha1.Outbound, v1alpha1.Gateway}
	case "SERVER":
		all = []v1alpha1.Context{v1alpha1.Inbound}
	default:
		s.refuse(path, "%q is not CLIENT, SERVER or CLIENT_AND_SERVER: correct it", mode)
	}
	if gateways && len(all) > 1 {
		return []v1alpha1.Context{v1alpha1.Gateway}
	}
	return all
}

// sayContexts says why there is more than one AutoWasm.
func (s *subject) sayContexts(d *draft, path string) {
	switch used := d.contexts(); {
	case len(used) > 1:
		s.changed(path, "an AutoWasm has one context, and this is for %s: there is an AutoWasm for each; leave those out that you do not need with --context", words(used))
	case len(used) == 0:
		s.refuse(path, "nothing is left of it: correct --context")
	}
}

func (m *migration) module(d *draft, wasm *fields) {
	path := wasm.at("url")
	url := wasm.text("url")
	if url == "" {
		d.refuse(path, "there is no URL, and so no module: set it")
		return
	}
	m.fromURL(d, path, url, wasm.text("sha256"))
	d.pull(wasm)
	wasm.leaveOut("Istio has never used it", "verificationKey")
}

// pull reads what is about images alone.
func (d *draft) pull(wasm *fields) {
	const notAnImage = "Istio uses it for images alone, and this is none"
	registry := d.filter.Source.Registry
	if registry == nil {
		wasm.leaveOut(notAnImage, "imagePullSecret", "imagePullPolicy")
		return
	}
	d.secret = wasm.text("imagePullSecret")
	path := wasm.at("imagePullPolicy")
	switch policy := wasm.text("imagePullPolicy"); policy {
	case "", "UNSPECIFIED_POLICY":
	case "IfNotPresent", "Always":
		registry.PullPolicy = v1alpha1.PullPolicy(policy)
	default:
		d.refuse(path, "%q is not IfNotPresent or Always: correct it", policy)
	}
}

func (d *draft) pluginSettings(wasm *fields) {
	d.filter.RootID = wasm.text("pluginName")
	// Istio passes on no configuration for an empty object.
	if config := as[map[string]any](wasm, "pluginConfig", "an object"); len(config) > 0 {
		d.setConfig(wasm.at("pluginConfig"), config)
	}
	d.policy(wasm.at("failStrategy"), wasm.text("failStrategy"), "FAIL_CLOSE")
	path := wasm.at("type")
	if kind := wasm.text("type"); kind != "" && kind != "HTTP" && kind != "UNSPECIFIED_PLUGIN_TYPE" {
		d.refuse(path, "an AutoWasm is a filter of HTTP, and this is %s: keep the old object", kind)
	}
}

func (d *draft) vmSettings(vm *fields) {
	for _, variable := range vm.items("env") {
		out := v1alpha1.EnvVar{Name: variable.text("name")}
		path := variable.at("valueFrom")
		switch from := variable.text("valueFrom"); from {
		case "", "INLINE":
			out.Value = variable.text("value")
		case "HOST":
			out.FromHost = true
			variable.leaveOut("the value comes from the proxy's environment", "value")
		default:
			d.refuse(path, "%q is not INLINE or HOST: correct it", from)
		}
		d.filter.Env = append(d.filter.Env, out)
	}
}
