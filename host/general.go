// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"time"
)

// generalFunctions are those of logs, properties, streams and time that every ABI has.
var generalFunctions = []function{
	{"log", "iii", proxyLog},
	{"get_status", "iii", getStatus},
	{"set_property", "iiii", setProperty},
	{"get_property", "iiii", getProperty},
	{"send_local_response", "iiiiiiii", sendLocalResponse},
	{"set_tick_period_milliseconds", "i", setTickPeriod},
	{"get_current_time_nanoseconds", "i", getCurrentTime},
	{"set_effective_context", "i", setEffectiveContext},
	{"done", "", func(vm *VM, _ arguments) Status { return vm.done(vm.scope()) }},
	{"call_foreign_function", "iiiiii", callForeignFunction},
}

// functionsOf01 are those that ABI 0.1.0 alone has.
var functionsOf01 = []function{
	{"get_configuration", "ii", getConfiguration},
	{"continue_request", "", func(vm *VM, _ arguments) Status { return vm.continueStream(streamRequest) }},
	{"continue_response", "", func(vm *VM, _ arguments) Status { return vm.continueStream(streamResponse) }},
	{"clear_route_cache", "", func(vm *VM, _ arguments) Status { return vm.clearRouteCache() }},
}

// functionsOf02 are those that ABI 0.1.0 does not have.
var functionsOf02 = []function{
	{"continue_stream", "i", func(vm *VM, a arguments) Status { return vm.continueStream(a.u32(0)) }},
	{"close_stream", "i", func(vm *VM, a arguments) Status { return vm.closeStream(a.u32(0)) }},
}

func nothing(*VM, arguments) Status { return StatusOK }

func pthreadEqual(_ *VM, a arguments) Status {
	if a.u32(0) == a.u32(1) {
		return 1
	}
	return 0
}

func proxyLog(vm *VM, a arguments) Status {
	level := LogLevel(a.u32(0))
	if level > LevelCritical {
		return StatusBadArgument
	}
	message, ok := vm.read(a, 1)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	vm.log(Line{Level: level, Message: string(message)})
	return StatusOK
}

func (vm *VM) log(l Line) {
	vm.spend(entryCost + len(l.Message))
	vm.proxy.Log(l)
}

func getLogLevel(vm *VM, a arguments) Status { return vm.put32(a.u32(0), uint32(vm.proxy.LogLevel)) }

// getStatus answers the outcome of the call-out whose answer is being handled.
func getStatus(vm *VM, a arguments) Status {
	if status := vm.put32(a.u32(0), vm.calls.status); status != StatusOK {
		return status
	}
	return vm.give([]byte(vm.calls.statusMessage), a.u32(1), a.u32(2))
}

func getConfiguration(vm *VM, a arguments) Status {
	configuration := vm.config.Configuration
	if p := vm.scope().plugin; p != nil && p.configuring {
		configuration = p.config.Configuration
	}
	return vm.give(configuration, a.u32(0), a.u32(1))
}

func setTickPeriod(vm *VM, a arguments) Status {
	if p := vm.scope().plugin; p != nil {
		p.tickPeriod = time.Duration(a.u32(0)) * time.Millisecond
	}
	return StatusOK
}

func getCurrentTime(vm *VM, a arguments) Status {
	return vm.put64(a.u32(0), uint64(vm.proxy.Now().UnixNano()))
}

// setEffectiveContext has the calls that follow be for another context. The VM's own, 0, stands for none.
func setEffectiveContext(vm *VM, a arguments) Status {
	id := a.u32(0)
	if id == 0 {
		vm.effective = nil
		return StatusOK
	}
	s := vm.scopes[id]
	if s == nil {
		return StatusBadArgument
	}
	vm.effective = s
	return StatusOK
}

// continueStream follows continueStream in context.cc of Envoy, which forgets the parts of the request that the filter
// could see, for a response too.
func (vm *VM) continueStream(of uint32) Status {
	s := vm.scope().stream
	switch of {
	case streamRequest, streamResponse:
	case streamDownstream:
		return StatusOK
	case streamUpstream:
		return StatusUnimplemented
	default:
		return StatusBadArgument
	}
	if s == nil {
		return StatusOK
	}
	d := &s.request
	if of == streamResponse {
		d = &s.response
	}
	vm.afterCall(d.resume)
	s.request.seesHeaders, s.request.seesTrailers, s.request.chunk = false, false, nil
	return StatusOK
}

func (vm *VM) closeStream(of uint32) Status {
	if of >= streamTypes {
		return StatusBadArgument
	}
	if s := vm.scope().stream; s != nil && of <= streamResponse {
		vm.afterCall(func() error {
			if s.logging {
				return s.recursion()
			}
			s.endBy(DetailsClosed)
			return nil
		})
	}
	return StatusOK
}

func (vm *VM) clearRouteCache() Status {
	if s := vm.scope().stream; s != nil {
		s.routeCleared = true
	}
	return StatusOK
}

// underscores replaces the space in the details of a response.
var underscores = strings.NewReplacer(" ", "_", "\t", "_", "\n", "_", "\v", "_", "\f", "_", "\r", "_")

// sendLocalResponse follows sendLocalResponse in context.cc of Envoy. What the filter answers after it does not count.
func sendLocalResponse(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 1, 3, 5)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	r := &LocalResponse{Code: a.u32(0), Body: []byte(texts[1]), GRPCStatus: -1}
	r.Details = underscores.Replace(texts[0])
	for _, field := range decodePairs([]byte(texts[2])) {
		if !strings.EqualFold(field[0], ":status") { // which the call has besides
			r.Headers.Add(field[0], field[1])
		}
	}
	if status := a.u32(7); status <= grpcStatusMax {
		r.GRPCStatus = int32(status)
	}
	if s := vm.scope().stream; s != nil {
		vm.afterCall(func() error { return s.sendLocal(r) })
	}
	vm.stopIteration = true
	return StatusOK
}
