// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// wholes are paths of properties that hold others, and one without a part. Which headers there are differs between proxies, so
// that of what can be read only its being empty is logged.
var wholes = []string{
	"", "request", "response", "connection", "source", "destination", "upstream", "filter_state", "xds",
	"request.headers", "response.headers", "response.trailers",
}

func seeWholes() {
	const empty = 4 // bytes, of a map
	for _, name := range wholes {
		path := strings.ReplaceAll(name, ".", "\x00")
		var data *byte
		var size uint32
		status := getProperty(text(path), length(path), unsafe.Pointer(&data), unsafe.Pointer(&size))
		say("  whole %q %t %d", name, size > empty, status)
	}
}

// counters are names, some of which are those of the same counter.
var counters = []string{"probe.a", "probe.a.", "probe.a..", ".probe.a", "probe..a", "Probe.a", "probe", "."}

func count() {
	for _, name := range counters {
		counter := proxywasm.DefineCounterMetric(name)
		counter.Increment(1)
		say("counter %q %d", name, counter.Value())
	}
}

//go:wasmimport env proxy_get_property
func getProperty(path unsafe.Pointer, pathSize uint32, value, size unsafe.Pointer) uint32
