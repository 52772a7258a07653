// SPDX-License-Identifier: Apache-2.0

// Package filtertest runs the cases of a test file through a filter: what comes to it, and what has to become of that.
//
//	f, err := filtertest.Read("tests.textpb")                       // a mistake has its line
//	m, err := host.Compile(ctx, wasm, host.Interpreter)
//	suite, err := f.Run(ctx, m, filtertest.Options{})               // each case in a VM of its own
//	err = filtertest.NewReport(suite).Print(os.Stdout)
//
// The format is that of the runner of Google's Service Extensions (github.com/GoogleCloudPlatform/service-extensions,
// plugins/test/runner.proto), so that files written for it run unchanged: text protobuf, or YAML with the same fields. Fields
// that it does not have are env.root_id and env.variable.
//
// # What differs from Google's runner
//
// The filter runs in package host, which does what Envoy does. Google's runner has maps and buffers of its own, and calls one
// callback after the other:
//
//	                                Google's runner                       here, as in Envoy
//	a response without a request    response callbacks alone              a GET of / passes the filter first
//	a body without headers          body callbacks alone                  a POST of /, or a response 200, is first
//	end of stream                   never with headers; with each body    with what is last in its direction
//	a pause at headers              fails the case                        fails it too: the body does not reach the filter
//	a pause with a body             has no effect                         the body is held, and seen whole when buffered;
//	                                                                      what is held to the end fails the case
//	a buffer beyond its callback    is empty, or the last part            is what Envoy holds
//	an answer from a body           cannot be expected                    can
//	an answer in on_response_body   is refused                            resets the stream, if the headers have passed
//	headers of an answer            those that the filter gave            what the client gets, through the filter's own
//	                                                                      response callbacks: also content-type, content-length
//	a middle of a body is replaced  is done                               is refused: only a beginning can be
//	a path "a.b" of a property      is that of a, b                       is one part, which is not found
//	several values of a header      joined with ", "                      several headers; get has the first. Expectations
//	                                                                      compare them joined
//	one more user-agent, via, …     joined with ", "                      joined with ","
//	order of headers                by name                               as given, pseudo-headers first
//	headers in a later callback     cannot be read                        can, while they are held
//	properties                      those of the case alone               also those that Envoy derives, such as request.path
//	metrics, shared data, queues    missing                               there
//	call-outs                       fail                                  wait for an answer, which a case cannot give
//	log of a stream                 lines of its own context              all lines of the step
//	proxy_on_log                    is not called                         is, before proxy_on_done
//	an invalid regular expression   fails the case                        is a mistake in the file
//	env.config_path, env.wasm_path  relative to the working directory     relative to the test file
//	benchmarks, env.log_path        run, written                          have no effect, which a note says
//
// Pseudo-headers that a case does not give are not there, here neither, although no request reaches Envoy without.
//
// # Bounds
//
// A test file has at most 4 MiB and 10,000 cases, a message 1,000 headers, a body 16 MiB and 10,000 parts; of a filter's log a
// step keeps 10,000 lines. What the filter may use, each call's time also, is bounded by package host.
package filtertest
