// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"strings"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/manifest"
)

// valueKind is what the value of a patch is.
type valueKind int

const (
	otherValue     valueKind = iota
	wasmValue                // a Wasm filter
	referenceValue           // the name of one that another patch defines, for ECDS
)

// extension is a patch that defines a Wasm filter for others to refer to.
type extension struct {
	value map[string]any
	from  string // the object
	path  string
}

func extensionKey(namespace, name string) string { return namespace + "/" + name }

// survey finds in all EnvoyFilters what they define and refer to, and takes their names.
func (m *migration) survey(objects []manifest.Object) {
	for _, object := range objects {
		if !object.IsA(networkingGroup, istio.EnvoyFilterKind) {
			continue
		}
		m.taken[object.Namespace()+"/"+object.Name()] = true
		for _, patch := range patchesOf(object) {
			m.surveyPatch(object, patch)
		}
	}
}

// patchesOf returns the patches of an EnvoyFilter, to look at and not to report on.
func patchesOf(object manifest.Object) []*fields {
	silent := &findings{log: &log{seen: map[Note]bool{}}}
	return newFields("spec", child(object.Content, "spec"), silent).items("configPatches")
}

func (m *migration) surveyPatch(object manifest.Object, patch *fields) {
	value := child(child(patch.left, "patch"), "value")
	name, _ := value["name"].(string)
	key := extensionKey(object.Namespace(), name)
	switch {
	case patch.left["applyTo"] == "EXTENSION_CONFIG" && isWasm(value):
		m.extensions[key] = &extension{value: value, from: object.String(), path: patch.path + ".patch.value"}
	case refersTo(value):
		m.references[key] = true
	}
}

// refersTo reports whether a value is the name of a filter that is defined elsewhere.
func refersTo(value map[string]any) bool {
	return value["configDiscovery"] != nil || value["config_discovery"] != nil
}

func (m *migration) kindOf(namespace string, value map[string]any) valueKind {
	if isWasm(value) {
		return wasmValue
	}
	name, _ := value["name"].(string)
	if refersTo(value) && (m.extensions[extensionKey(namespace, name)] != nil || mentionsWasm(value)) {
		return referenceValue
	}
	return otherValue
}

// isWasm reports whether a value is a Wasm filter, in any of the forms that Istio has taken.
func isWasm(value map[string]any) bool {
	typed := child(value, "typedConfig")
	if typed == nil {
		typed = child(value, "typed_config")
	}
	for _, name := range []string{"@type", "typeUrl", "type_url"} {
		if url, _ := typed[name].(string); isWasmType(typeName(url)) {
			return true
		}
	}
	return typed == nil && value["name"] == wasmFilter && value["config"] != nil
}

// isWasmType includes that of a filter of TCP, which old recipes name by mistake, and those of Envoy's second version.
func isWasmType(name string) bool {
	return name == "envoy.extensions.filters.http.wasm.v3.Wasm" || name == "envoy.extensions.filters.network.wasm.v3.Wasm" ||
		name == "envoy.config.filter.http.wasm.v2.Wasm"
}

// filterValue reads the HTTP filter that a patch inserts.
func (m *migration) filterValue(s *subject, d *draft, value *fields) {
	if !value.has("configDiscovery") {
		value.leaveOut(namedByWasmer, "name")
		m.typedFilter(s, d, value)
		return
	}
	path, name := value.at("name"), value.text("name")
	discovery := value.child("configDiscovery")
	discovery.leaveOut("the filter is not discovered by itself any more", "configSource", "typeUrls", "defaultConfig", "applyDefaultConfigWithoutWarming")
	key := extensionKey(s.object.Namespace(), name)
	defined := m.extensions[key]
	if defined == nil {
		d.refuse(path, "nothing in the input defines %s: add the EnvoyFilter whose EXTENSION_CONFIG does", name)
		return
	}
	found := d.part()
	found.object = defined.from
	definition := newFields(defined.path, defined.value, found)
	definition.proto = true
	definition.take("name")
	inner := &draft{findings: found, filter: d.filter}
	m.typedFilter(s, inner, definition)
	definition.finish()
	d.filter, d.refused = inner.filter, d.refused || found.refused
}

// definition names a patch that defines a filter, which is read where something refers to it.
func (m *migration) definition(s *subject, patch *fields) {
	name, _ := child(child(patch.left, "patch"), "value")["name"].(string)
	patch.child("match").leaveOut("the filter runs where the patch that refers to it says", "context")
	operation := patch.child("patch")
	path, what := operation.at("operation"), operation.text("operation")
	if what != "ADD" {
		s.notMapped(path, "a filter is defined by ADD, and this is %s: merge it into the definition", what)
	}
	patch.take("applyTo")
	operation.take("value")
	patch.finish()
	if !m.references[extensionKey(s.object.Namespace(), name)] {
		s.notMapped(patch.path, "nothing in the input refers to %s: add the EnvoyFilter whose HTTP_FILTER does", name)
	}
}

// typedFilter reads the configuration of the filter, in any form.
func (m *migration) typedFilter(s *subject, d *draft, value *fields) {
	if !value.has("typedConfig") {
		d.changed(value.at("config"), "Envoy no longer takes the configuration in this form: the AutoWasm has effect again")
		m.pluginConfig(s, d, value.child("config").child("config"))
		return
	}
	typed := value.child("typedConfig")
	kind := typeName(typed.text("@type"))
	if strings.HasSuffix(kind, ".TypedStruct") {
		kind = typeName(typed.text("typeUrl"))
		typed = typed.child("value")
	}
	if kind != "envoy.extensions.filters.http.wasm.v3.Wasm" {
		d.changed(typed.path, "Envoy takes no filter of the type %s here: the AutoWasm's has the type of a filter of HTTP", kind)
	}
	m.pluginConfig(s, d, typed.child("config"))
}
