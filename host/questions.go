// SPDX-License-Identifier: Apache-2.0

package host

import "slices"

// Question is what a filter asked of the messages of a stream, where another message may have another answer.
type Question struct {
	// Name of what it asked for, such as "the request header x-user", "all response headers", "the response body" or "the
	// property request.path".
	Name string
	// Absent says that there is none.
	Absent bool
}

// Questions returns what the filter asked of the messages so far, each once, the first 64: headers that they do not have, all
// of the headers, bodies, and attributes that the host derived or that are not there. A header that it found is not among them.
func (s *Stream) Questions() []Question { return slices.Clone(s.questions) }

// asked remembers a question of a filter, outside of a stream none.
func (s *Stream) asked(name string, found bool) {
	if s == nil {
		return
	}
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	q := Question{Name: name, Absent: !found}
	if len(s.questions) < maxUnmodelled && !slices.Contains(s.questions, q) {
		s.questions = append(s.questions, q)
	}
}

// messageMaps are how questions name what is in a map of headers or trailers of a message, by the number of the map.
var messageMaps = [...]string{
	mapRequestHeaders: "request header", mapRequestTrailers: "request trailer",
	mapResponseHeaders: "response header", mapResponseTrailers: "response trailer",
}

// missesHeader remembers that the filter looked a header up that is not there.
func (vm *VM) missesHeader(of uint32, name string) {
	if int(of) < len(messageMaps) {
		vm.scope().stream.asked("the "+messageMaps[of]+" "+name, false)
	}
}

// readsHeaders remembers that the filter read a whole map.
func (vm *VM) readsHeaders(of uint32, found bool) {
	if int(of) < len(messageMaps) {
		vm.scope().stream.asked("all "+messageMaps[of]+"s", found)
	}
}

// readsBody remembers that the filter read a buffer, if that is a body.
func (vm *VM) readsBody(of uint32, found bool) {
	switch of {
	case bufferRequestBody:
		vm.scope().stream.asked("the request body", found)
	case bufferResponseBody:
		vm.scope().stream.asked("the response body", found)
	}
}
