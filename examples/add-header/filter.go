//go:build wasip1

// SPDX-License-Identifier: Apache-2.0

package main

// Envoy runs each copy of the module on one thread, so nothing here is locked.
var (
	// headers are what each plugin context was configured to add.
	headers = map[uint32]header{}
	// parents say to which plugin context a stream belongs.
	parents = map[uint32]uint32{}
)

// main is called once when the module starts. It has nothing to do.
func main() {}

// The export alone shows Envoy which version of the ABI the module speaks.
//
//go:wasmexport proxy_abi_version_0_2_1
func proxyABIVersion021() {}

// proxyOnContextCreate begins a plugin context, whose parent is 0, or a stream
// within one.
//
//go:wasmexport proxy_on_context_create
func proxyOnContextCreate(context, parent uint32) {
	if parent != 0 {
		parents[context] = parent
	}
}

// proxyOnVMStart says that the machine may run.
//
//go:wasmexport proxy_on_vm_start
func proxyOnVMStart(_, _ uint32) uint32 { return 1 }

// proxyOnConfigure reads the configuration of a plugin context. It returns 0 when
// it cannot: Envoy then does not run the filter.
//
//go:wasmexport proxy_on_configure
func proxyOnConfigure(context, size uint32) uint32 {
	config, err := pluginConfiguration(size)
	if err != nil {
		logf(levelError, "add-header: read the configuration: %v", err)
		return 0
	}
	h, err := parseConfig(config)
	if err != nil {
		logf(levelError, "add-header: %v", err)
		return 0
	}
	headers[context] = h
	return 1
}

// proxyOnResponseHeaders adds the header and lets the response go on.
//
//go:wasmexport proxy_on_response_headers
func proxyOnResponseHeaders(context, _, _ uint32) uint32 {
	h, ok := headers[parents[context]]
	if !ok {
		h = defaultHeader
	}
	if err := addResponseHeader(h.Name, h.Value); err != nil {
		logf(levelWarn, "add-header: %v", err)
	}
	return actionContinue
}

// proxyOnDone says that nothing is left to wait for.
//
//go:wasmexport proxy_on_done
func proxyOnDone(_ uint32) uint32 { return 1 }

// proxyOnDelete forgets a context.
//
//go:wasmexport proxy_on_delete
func proxyOnDelete(context uint32) {
	delete(parents, context)
	delete(headers, context)
}
