// SPDX-License-Identifier: Apache-2.0

// Package host runs a Proxy-Wasm filter as Envoy does, without a proxy: to try one before it is admitted, to test it, and to
// put it before a server.
//
//	m, err := host.Compile(ctx, wasm, host.Interpreter)             // once for each module
//	vm, err := m.Start(ctx, host.VMConfig{ID: "vm", Env: env})      // a worker of Envoy: _initialize
//	plugin, err := vm.Plugin(ctx, host.PluginConfig{RootID: "r"})   // proxy_on_vm_start, proxy_on_configure
//	stream, err := plugin.Stream(ctx, host.StreamConfig{})          // a request
//	err = stream.RequestHeaders(ctx, host.Headers{{":method", "GET"}, {":path", "/"}}, true)
//	stream.Request()                                                // what passed the filter
//
// It opens no file and no connection: the caller is the client, the upstream, the clock and the cluster that a call-out
// goes to. Nothing happens between two calls of the caller: there are no goroutines. A VM and all that comes from it are for
// one goroutine at a time; VMs of one module can run side by side.
//
// # What it follows
//
// The ABI is 0.1.0, 0.2.0 or 0.2.1, whichever the module marks, as proxy-wasm-cpp-host at 52a0291 and Envoy 1.40 implement
// it, rather than the specification, where they differ. The files named below are theirs.
//
//	which functions there are, for which ABI     wasm.cc registerCallbacks, getFunctions (cpp-host)
//	which are offered while a module starts      wasm.cc startVm; wasm.h allocMemory (cpp-host). Any other traps
//	what its own start function can call         exports.cc (cpp-host): what needs no context. At any other Envoy crashes; here it traps
//	_initialize, main, _start                    wasm.cc startVm (cpp-host)
//	create, start, configure, done, delete       context.cc onStart, onConfigure, onDone, onDelete (cpp-host)
//	what the answers of callbacks mean           context.cc convertVmCallResultToFilter*Status (cpp-host)
//	arguments and their checks                   exports.cc (cpp-host)
//	lists of pairs                               pairs_util.cc (cpp-host): beyond 1,024 or 1 MiB they are empty
//	shared data and queues                       shared_data.cc, shared_queue.cc, vm_id_handle.cc (cpp-host)
//	WASI                                         exports.cc wasi_unstable_* (cpp-host)
//	which headers and bodies can be read when    source/extensions/common/wasm/context.cc getMap, getConstMap, getBuffer, decode*, encode* (Envoy)
//	how bodies can be changed                    the same, Buffer::copyFrom
//	when the route is chosen again               the same: onHeadersModified
//	call-outs, metrics, properties, statuses     the same: httpCall, grpcCall, defineMetric, getProperty, serializeValue …
//	resuming, resetting, local responses         the same: continueStream, closeStream, sendLocalResponse, failStream
//	foreign functions                            source/extensions/common/wasm/foreign.cc (Envoy)
//	attributes and their types                   source/extensions/filters/common/expr/context.cc, evaluator.cc (Envoy)
//	pauses, buffers and their limit              source/common/http/filter_manager.cc (Envoy)
//	the form of local responses                  source/common/http/utility.cc sendLocalReply (Envoy)
//	headers of one value, pseudo-headers first   source/common/http/header_map_impl.cc, envoy/http/header_map.h (Envoy)
//	which headers Envoy does not pass on         source/common/http/header_utility.cc checkRequired*, checkValid* (Envoy)
//
// Package e2e/agreement has a filter log what it sees at each step, and compares that with what it logs in Envoy.
//
// Some of it surprises. A callback that lets headers pass cannot read them in later callbacks. In proxy_on_response_headers
// there is no request.path. A filter that resumes a response forgets the request's headers. proc_exit returns. A property
// that was set with a path of two parts cannot be read. Of a body that is stopped without buffering, nothing is left.
//
// Some of it is Envoy's own answer. A request that the filter leaves without :method, or with a character that no header may
// have, gets 503, one without :path 404, and a response without a number as :status 502: see [LocalResponse.Refused]. A second
// local response takes the place of a first one that the filter has not let pass yet. A filter that ends a stream in
// proxy_on_log is called again, until its stack overflows: the host ends it with a *TrapError at once.
//
// # What differs
//
//   - The filter is the only one of its proxy: no other sees what it lets pass, and no route is chosen.
//     [Stream.RouteCacheCleared] reports whether Envoy would choose it again.
//   - What is wrong with headers as the caller passes them in is not refused: they pass as they came.
//   - Of two local responses in one callback of a response the first is sent; Envoy crashes.
//   - One VM is one worker. Envoy starts a filter in a VM of its own first, before the workers'.
//   - FAIL_OPEN and FAIL_RELOAD are the caller's: after a trap a VM is over, and its streams get 503.
//   - There are no TCP filters: proxy_on_new_connection and its like are not called.
//   - Foreign functions are compress, uncompress and clear_route_cache. The CEL expressions, signatures and filter state of
//     Envoy are not there; [VM.Unmodelled] has what a filter used of them.
//   - Attributes of messages are derived; those of connections, upstreams and the configuration are what the caller gives. A
//     connection of which the caller gives none has no TLS. [VM.Unmodelled] has what filters asked of these, and
//     [Stream.Questions] of messages.
//   - Data and queues of other filters are those in [Proxy]'s Shared. What a filter does not find there is in [VM.Unmodelled].
//   - Ticks come when the caller has them come, also none before the first request.
//   - A metric is its name and type; histograms keep the last value.
//   - A module that imports its memory or a table is refused by Compile, as *UnsupportedError.
//   - A filter that resumes, and pauses again in the same callback, or that answers after it had resumed a buffered body, is
//     given what it would expect; Envoy's outcome there is an accident of its implementation.
//
// # Bounds
//
// Go code that panics, which a filter must not be able to bring about, ends the call with an *[InternalError].
//
// [Limits] bound the linear memory, the time of each call, and what the host copies and keeps. A call that reaches one ends
// with a *[LimitError], whatever the module does: it is changed before it is compiled, so that its calls can be ended at the
// entry of each function. The depth of calls is that of the engine, 2,000 functions for the interpreter. V8 has about 10,000
// and more, so that a *LimitError never says that Envoy would fail.
//
// What the engine allocates beside that is in proportion to the module, 20 times its size for the interpreter, except for one
// thing: a function that pushes many values and calls itself has the engine's own stack grow, to some GB for a module
// made for that. Modules of strangers belong into a process of their own with a limit of memory.
package host
