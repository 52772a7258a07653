// SPDX-License-Identifier: Apache-2.0

package host

// callbacks names those of a direction.
func (d *direction) callback(of string) string {
	if d.response {
		return "proxy_on_response_" + of
	}
	return "proxy_on_request_" + of
}

// headersMap is the map of the direction's headers, as a filter names it in its calls.
func (d *direction) headersMap() uint32 {
	if d.response {
		return mapResponseHeaders
	}
	return mapRequestHeaders
}

// trailersMap is that of its trailers.
func (d *direction) trailersMap() uint32 { return d.headersMap() + 1 }

// busy marks that the filter handles the direction, and returns what ends that.
func (s *Stream) busy(d *direction) func() {
	flag := &s.inRequest
	if d.response {
		flag = &s.inResponse
	}
	outer := *flag
	*flag = true
	return func() { *flag = outer }
}

// headersCome follows decodeHeaders and encodeHeaders in context.cc of Envoy.
func (s *Stream) headersCome(d *direction, headers Headers, end bool) error {
	if d.aborted || d.hasHeaders {
		return nil
	}
	d.headers, d.hasHeaders, d.seesHeaders = headers.normalized(d.headersMap()), true, true
	d.comes(end)
	d.came = d.headers.Clone()
	s.arrived(d)
	name := d.callback("headers")
	args := []uint64{uint64(s.scope.id), uint64(len(d.headers))}
	if s.vm.module.ABI() != "0.1.0" {
		args = append(args, flag(end))
	}
	status, err := s.answer(d, name, headersStopAllAndWatermark, headersStopAllAndWatermark, args...)
	if err != nil {
		return err
	}
	if status == headersStop && !s.plugin.config.AllowStopIteration {
		status = headersStopAllAndWatermark
	}
	if !d.aborted {
		d.seesHeaders = status != headersContinue && status != headersContinueToEnd
		d.afterHeaders(status)
	}
	return s.settle()
}

// arrived keeps what Envoy decides by the headers as they came.
func (s *Stream) arrived(d *direction) {
	if d.response {
		if s.local == nil {
			s.code, _ = d.headers.status()
		}
		return
	}
	contentType, _ := d.headers.Get("content-type")
	method, _ := d.headers.Get(":method")
	s.ofGRPC, s.ofHEAD = isGRPC(contentType), method == "HEAD"
}

// answer calls a callback of the filter for a direction. Without such a callback the answer is to continue; after a local
// response, or for an answer above highest, it is stop.
func (s *Stream) answer(d *direction, name string, highest, stop uint64, args ...uint64) (uint64, error) {
	if !s.vm.has(name) {
		return 0, s.vm.Failed()
	}
	defer s.busy(d)()
	status, stopNow, err := s.vm.enter(s.vm.caller, s.scope, name, args...)
	if err == nil {
		err = s.vm.leave()
	}
	if stopNow || status > highest {
		status = stop
	}
	return status, err
}

// bodyComes takes a part of a body, and shows it to the filter unless it stopped everything.
func (s *Stream) bodyComes(d *direction, data []byte, end bool) error {
	if d.aborted || !d.hasHeaders || d.ended {
		return nil
	}
	d.received += int64(len(data))
	d.comes(end)
	if d.state >= stoppedAll {
		if !d.hold(data, d.state == stoppedAllTo413) {
			s.tooLong(d)
		}
		return s.settle()
	}
	return s.bodyReaches(d, append([]byte(nil), data...), end)
}

// bodyReaches follows decodeData and encodeData in context.cc of Envoy.
func (s *Stream) bodyReaches(d *direction, data []byte, end bool) error {
	if d.buffering {
		if !d.hold(data, true) {
			s.tooLong(d)
			return s.settle()
		}
		data = nil
	}
	d.chunk = &data
	status, err := s.answer(d, d.callback("body"), dataStopNoBuffer, dataStopNoBuffer,
		uint64(s.scope.id), uint64(len(*d.body())), flag(end))
	if err != nil {
		return err
	}
	d.buffering = status == dataStopAndBuffer
	if status == dataContinue {
		d.chunk = nil
	}
	if d.aborted {
		return s.settle()
	}
	fits, resume := d.afterBody(status, data)
	data = nil // what the filter sees from now on is what is held
	if !fits {
		s.tooLong(d)
	}
	if resume {
		err = d.resume()
	}
	if err != nil {
		return err
	}
	return s.settle()
}

// body is what of the body the filter can read and change: all that is held if it asked for that, else the last part.
func (d *direction) body() *[]byte {
	if d.buffering {
		return &d.held
	}
	return d.chunk
}

// trailersCome takes trailers, and shows them to the filter unless it stopped everything.
func (s *Stream) trailersCome(d *direction, trailers Headers) error {
	if d.aborted || !d.hasHeaders || d.ended {
		return nil
	}
	d.trailers, d.hasTrailers = trailers.normalized(d.trailersMap()), true
	d.comes(true)
	if d.state >= stoppedAll {
		return nil
	}
	return s.trailersReach(d)
}

// trailersReach follows decodeTrailers and encodeTrailers in context.cc of Envoy.
func (s *Stream) trailersReach(d *direction) error {
	d.seesTrailers = true
	status, err := s.answer(d, d.callback("trailers"), 1, 1, uint64(s.scope.id), uint64(len(d.trailers)))
	if err != nil {
		return err
	}
	if status == 0 {
		d.seesTrailers = false
	}
	switch {
	case d.aborted:
	case status != 0:
		if d.state == iterating {
			d.state = stopped
		}
	case d.state == stopped:
		if err := d.resume(); err != nil {
			return err
		}
	default:
		d.passTrailers()
	}
	return s.settle()
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}
