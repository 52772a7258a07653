// SPDX-License-Identifier: Apache-2.0

package host

import "strings"

var headerFunctions = []function{
	{"get_header_map_value", "iiiii", getHeader},
	{"add_header_map_value", "iiiii", addHeader},
	{"replace_header_map_value", "iiiii", replaceHeader},
	{"remove_header_map_value", "iii", removeHeader},
	{"get_header_map_pairs", "iii", getHeaders},
	{"set_header_map_pairs", "iii", setHeaders},
	{"get_header_map_size", "ii", getHeadersSize},
}

// readable returns the headers that the filter can read at present, nil if there are none; see getConstMap in context.cc
// of Envoy. They are visible from the callback that gets them until the filter lets them pass, and again in proxy_on_log.
func (vm *VM) readable(of uint32) *Headers {
	switch of {
	case mapGRPCInitialMetadata:
		return vm.calls.initialMetadata
	case mapGRPCTrailingMetadata:
		return vm.calls.trailingMetadata
	case mapCallHeaders:
		return vm.calls.headers
	case mapCallTrailers:
		return vm.calls.trailers
	}
	s := vm.scope().stream
	if s == nil {
		return nil
	}
	if s.logging {
		return s.loggable(of)
	}
	return s.visible(of)
}

func (s *Stream) visible(of uint32) *Headers {
	for _, m := range []struct {
		of      uint32
		headers *Headers
		sees    bool
	}{
		{mapRequestHeaders, &s.request.headers, s.request.seesHeaders},
		{mapRequestTrailers, &s.request.trailers, s.request.seesTrailers},
		{mapResponseHeaders, &s.response.headers, s.response.seesHeaders},
		{mapResponseTrailers, &s.response.trailers, s.response.seesTrailers},
	} {
		if m.of == of && m.sees {
			return m.headers
		}
	}
	return nil
}

// loggable returns the headers that proxy_on_log can read.
func (s *Stream) loggable(of uint32) *Headers {
	switch {
	case of == mapRequestHeaders && s.request.hasHeaders:
		return &s.request.headers
	case of == mapResponseHeaders && s.local != nil && s.reset == nil:
		return &s.response.out.Headers
	case of == mapResponseHeaders && s.response.hasHeaders:
		return &s.response.headers
	case of == mapResponseTrailers && s.response.hasTrailers:
		return &s.response.trailers
	}
	return nil
}

// writable returns the headers that the filter can change; see getMap in context.cc of Envoy. Trailers come to be when
// the filter writes them while it handles the end of a body.
func (vm *VM) writable(of uint32) *Headers {
	s := vm.scope().stream
	if s == nil || of > mapResponseTrailers {
		return nil
	}
	switch of {
	case mapRequestTrailers:
		s.request.addTrailers()
	case mapResponseTrailers:
		s.response.addTrailers()
	}
	return s.visible(of)
}

func (d *direction) addTrailers() {
	if !d.hasTrailers && d.chunk != nil && d.ended {
		d.hasTrailers, d.addedTrailers, d.seesTrailers = true, true, true
	}
}

// fieldName is the name by which Envoy keeps a header: host is :authority of a request.
func fieldName(of uint32, name string) string {
	name = strings.ToLower(name)
	if of == mapRequestHeaders && name == "host" {
		return ":authority"
	}
	return name
}

func getHeader(vm *VM, a arguments) Status {
	of := a.u32(0)
	if of >= mapTypes {
		return StatusBadArgument
	}
	name, ok := vm.readString(a, 1)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	headers := vm.readable(of)
	if s := vm.scope().stream; headers == nil && (s == nil || !s.logging) {
		return StatusBadArgument
	}
	var value string
	found := false
	if headers != nil {
		value, found = headers.Get(fieldName(of, name))
	}
	if !found {
		vm.missesHeader(of, fieldName(of, name))
	}
	if !found && vm.module.ABI() != "0.1.0" {
		return StatusNotFound
	}
	return vm.give([]byte(value), a.u32(3), a.u32(4))
}

// change runs a change of headers on those that an argument names, with a name, and a value where there is one.
func change(vm *VM, a arguments, apply func(h *Headers, of uint32, name, value string)) Status {
	of := a.u32(0)
	if of >= mapTypes {
		return StatusBadArgument
	}
	indices := []int{1, 3}[:(len(a)-1)/2]
	texts, ok := vm.readAll(a, indices...)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	headers := vm.writable(of)
	if headers == nil {
		return StatusBadArgument
	}
	vm.spend(entryCost)
	apply(headers, of, fieldName(of, texts[0]), append(texts, "")[1])
	vm.changed(of)
	return StatusOK
}

// changed follows onHeadersModified in context.cc of Envoy: for modules of the ABIs that there are here, a change of the
// request's headers has the route be chosen again.
func (vm *VM) changed(of uint32) {
	if of == mapRequestHeaders {
		vm.clearRouteCache()
	}
}

func addHeader(vm *VM, a arguments) Status {
	return change(vm, a, (*Headers).add)
}

func replaceHeader(vm *VM, a arguments) Status {
	return change(vm, a, (*Headers).replace)
}

func removeHeader(vm *VM, a arguments) Status {
	return change(vm, a, func(h *Headers, _ uint32, name, _ string) { h.Remove(name) })
}

func getHeaders(vm *VM, a arguments) Status {
	of := a.u32(0)
	if of >= mapTypes {
		return StatusBadArgument
	}
	headers := vm.readable(of)
	vm.readsHeaders(of, headers != nil)
	if headers == nil || len(*headers) == 0 {
		return vm.give(nil, a.u32(1), a.u32(2))
	}
	return vm.give(encodePairs(*headers), a.u32(1), a.u32(2))
}

func setHeaders(vm *VM, a arguments) Status {
	of := a.u32(0)
	if of >= mapTypes {
		return StatusBadArgument
	}
	data, ok := vm.read(a, 1)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	headers := vm.writable(of)
	if headers == nil {
		return StatusBadArgument
	}
	pairs := decodePairs(data)
	vm.spend(pairsCost(pairs))
	*headers = nil
	for _, field := range pairs {
		headers.add(of, fieldName(of, field[0]), field[1])
	}
	vm.changed(of)
	return StatusOK
}

func getHeadersSize(vm *VM, a arguments) Status {
	of := a.u32(0)
	if of >= mapTypes {
		return StatusBadArgument
	}
	headers := vm.writable(of)
	if headers == nil {
		return StatusBadArgument
	}
	vm.readsHeaders(of, true)
	return vm.put32(a.u32(1), uint32(headers.ByteSize()))
}
