// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Whose business a field of Envoy's is now.
const (
	loadedByWasmer = "the proxies load the module from wasmer, which has its own"
	namedByWasmer  = "wasmer names the plugin in statistics and logs, uniquely: autowasm.<namespace>.<name>"
)

// runtimeV8 is the runtime that wasmer renders.
const runtimeV8 = "envoy.wasm.runtime.v8"

// pluginConfig reads the message of that name in Envoy's API.
func (m *migration) pluginConfig(s *subject, d *draft, config *fields) {
	config.leaveOut(namedByWasmer, "name")
	d.filter.RootID = config.text("rootId")
	d.anyConfig(config, "configuration")
	d.failure(config)
	config.lose("capabilityRestrictionConfig", "an AutoWasm cannot restrict what a module may call: keep the old object where that matters")
	config.lose("allowOnHeadersStopIteration", "wasmer leaves it at Envoy's default: check that the module works so")
	m.vmConfig(s, d, config.child("vmConfig"))
}

func (d *draft) failure(config *fields) {
	path, open := config.at("failurePolicy"), config.at("failOpen")
	policy := config.text("failurePolicy")
	if config.flag("failOpen") {
		if policy != "" && policy != "UNSPECIFIED" {
			d.refuse(open, "Envoy takes either failOpen or failurePolicy, and both are given: remove one")
		}
		policy = "FAIL_OPEN"
	}
	if policy == "UNSPECIFIED" {
		policy = ""
	}
	d.policy(path, policy, "FAIL_CLOSED")
	d.reload(config)
}

// policy sets what the old object's word for a failure policy means, of which that for the closed one differs.
func (d *draft) policy(path, word, closed string) {
	switch word {
	case "":
		d.changed(path, "absent, it is FailReload: requests get 503 while the module cannot run, as before, and after a crash it is started again")
	case closed:
		d.filter.FailurePolicy = v1alpha1.FailClosed
	case "FAIL_OPEN":
		d.filter.FailurePolicy = v1alpha1.FailOpen
	case "FAIL_RELOAD":
		d.filter.FailurePolicy = v1alpha1.FailReload
	default:
		d.refuse(path, "%q is not %s, FAIL_OPEN or FAIL_RELOAD: correct it", word, closed)
	}
}

func (d *draft) reload(config *fields) {
	path := config.at("reloadConfig")
	value := config.take("reloadConfig")
	if value == nil {
		return
	}
	raw, _ := json.Marshal(value)
	d.changed(path, "a module that crashes again is started again after 0.2 seconds at the least, where it says %s", raw)
}

func (m *migration) vmConfig(s *subject, d *draft, vm *fields) {
	d.filter.VMID = vm.text("vmId")
	d.runtime(vm)
	d.filter.AllowPrecompiled = vm.flag("allowPrecompiled")
	vm.leaveOut(loadedByWasmer, "nackOnCodeCacheMiss")
	vm.lose("configuration", "an AutoWasm has no configuration of the virtual machine, which a module reads in proxy_on_vm_start: have it read spec.filter.config in proxy_on_configure")
	vm.lose("capabilityRestrictionConfig", "an AutoWasm cannot restrict what a module may call: keep the old object where that matters")
	d.environment(vm.child("environmentVariables"))
	m.code(s, d, vm.child("code"))
}

func (d *draft) runtime(vm *fields) {
	path := vm.at("runtime")
	switch runtime := vm.text("runtime"); runtime {
	case "", runtimeV8:
	case "envoy.wasm.runtime.null":
		d.refuse(path, "this is no module but native code in Envoy, such as Istio's former statistics: keep the old object, or configure it in Istio")
	default:
		d.changed(path, "it is %s: modules of an AutoWasm run in V8", runtime)
	}
}

// ofAgent begins the names of variables that are for Istio's agent, which loads modules in its own way.
const ofAgent = "ISTIO_META_WASM_"

func (d *draft) environment(env *fields) {
	for _, name := range env.words("hostEnvKeys") {
		d.filter.Env = append(d.filter.Env, v1alpha1.EnvVar{Name: name, FromHost: true})
	}
	path := env.at("keyValues")
	values := env.strings("keyValues")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strings.HasPrefix(name, ofAgent) {
			d.notMapped(join(path, name), "it is for Istio's agent, which does not load the module any more: name a secret in spec.secret, and a policy in spec.filter.source.registry.pullPolicy")
			continue
		}
		d.filter.Env = append(d.filter.Env, v1alpha1.EnvVar{Name: name, Value: values[name]})
	}
}

func (m *migration) code(s *subject, d *draft, code *fields) {
	switch {
	case code.has("remote"):
		m.remote(s, d, code.child("remote"))
	case code.has("local"):
		m.local(s, d, code.child("local"))
	default:
		d.refuse(code.path, "there is neither remote nor local, and so no module: set one")
	}
}

func (m *migration) remote(s *subject, d *draft, remote *fields) {
	uri := remote.child("httpUri")
	path, address := uri.at("uri"), uri.text("uri")
	if cluster, _ := uri.left["cluster"].(string); cluster != "" {
		s.loads[cluster] = true
	}
	uri.leaveOut(loadedByWasmer, "cluster", "timeout")
	remote.leaveOut(loadedByWasmer, "retryPolicy")
	if address == "" {
		d.refuse(path, "there is no URI, and so no module: set it")
		return
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
		d.changed(path, "a URL has a scheme: it is %s", address)
	}
	m.fromURL(d, path, address, remote.text("sha256"))
	if d.filter.Source.Object != nil {
		d.changed(path, "wasmer loads the module, from the host of the URL, where each proxy did by a cluster of its own: wasmer has to reach that host")
	}
}

func (m *migration) local(s *subject, d *draft, local *fields) {
	path := local.at("filename")
	for _, inline := range []string{"inlineBytes", "inlineString"} {
		if local.has(inline) {
			d.refuse(local.at(inline), "the module is in the object itself: put it into a ConfigMap's binaryData, or an image with wasmc push")
			local.take(inline)
			return
		}
	}
	file := local.text("filename")
	if file == "" {
		d.refuse(path, "there is no file, and so no module: set it")
		return
	}
	if !m.mounts.configMapOf(s, d, path, file) {
		m.fromFile(d, path, file)
	}
}
