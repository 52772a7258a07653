// SPDX-License-Identifier: Apache-2.0

package host

import (
	"slices"
	"time"
)

// iteration is how far a filter lets a message go.
type iteration int

const (
	iterating       iteration = iota
	stopped                   // what the filter has seen waits; it sees what comes next
	stoppedAll                // what comes next waits unseen
	stoppedAllTo413           // the same, to the limit of buffers
)

// direction is a request or a response on its way through the filter. It follows ActiveStreamFilterBase in
// filter_manager.cc of Envoy, with this filter as the only one.
type direction struct {
	stream   *Stream
	response bool
	out      Message

	// What has come. The filter changes these.
	headers, trailers       Headers
	came                    Headers // the headers as they were
	hasHeaders, hasTrailers bool
	addedTrailers           bool // by the filter
	headersPassed, ended    bool
	passedAt, endedAt       time.Time // of the headers; of the end of what the upstream sent
	received                int64     // bytes of the body
	held                    []byte    // of the body
	holds                   bool
	state                   iteration
	aborted                 bool // nothing more of it reaches the filter

	// What the filter can see at present, as Context in context.cc of Envoy keeps it.
	seesHeaders, seesTrailers bool
	chunk                     *[]byte // the part of the body that has come
	buffering                 bool
}

// afterHeaders applies the filter's answer to the headers.
func (d *direction) afterHeaders(status uint64) {
	switch status {
	case headersStop:
		d.state = stopped
	case headersStopAllAndBuffer:
		d.state = stoppedAllTo413
	case headersStopAllAndWatermark:
		d.state = stoppedAll
	default:
		d.passHeaders(d.ended)
	}
}

// comes notes whether what comes now is the end. A local response has no end that the upstream sent.
func (d *direction) comes(end bool) {
	d.ended = end
	if end && d.stream.local == nil {
		d.endedAt = d.stream.vm.proxy.Now()
	}
}

// fromUpstream reports whether all of it has come from where the request passed to.
func (d *direction) fromUpstream() bool { return d.stream.request.headersPassed && !d.endedAt.IsZero() }

// passHeaders lets the headers pass, unless Envoy refuses what the filter made of them.
func (d *direction) passHeaders(complete bool) {
	if !d.headersPassed {
		if d.refuse() {
			return
		}
		d.headersPassed, d.passedAt = true, d.stream.vm.proxy.Now()
		d.out.Headers = append(Headers{}, d.headers...) // not nil, which would say that they have not passed
		if d.response {
			d.stream.code, _ = d.headers.status()
		}
	}
	d.out.Complete = d.out.Complete || complete
}

// hold keeps a part of the body. Beyond the limit, where the filter asked for a buffer, the stream ends.
func (d *direction) hold(data []byte, limited bool) bool {
	d.holds = true
	d.held = append(d.held, data...)
	return !limited || len(d.held) <= d.stream.vm.limits.Buffer
}

// passBody lets a part of the body pass.
func (d *direction) passBody(data []byte, complete bool) {
	d.out.Body = append(d.out.Body, data...)
	d.out.Complete = d.out.Complete || complete
}

func (d *direction) passTrailers() {
	d.out.Trailers, d.out.Complete = d.trailers.Clone(), true
}

// resume lets pass what waits. What the filter has not seen yet it sees now.
func (d *direction) resume() error {
	if d.aborted || !d.hasHeaders || d.state == iterating && d.headersPassed {
		return nil
	}
	unseen := d.state >= stoppedAll
	d.state = iterating
	d.passHeaders(d.ended && !d.holds && !d.hasTrailers)
	if d.aborted {
		return d.stream.settle()
	}
	if d.holds {
		data := d.held
		d.held, d.holds = nil, false
		if err := d.resumeBody(data, unseen); err != nil || d.state != iterating {
			return err
		}
	}
	if d.hasTrailers {
		if unseen && !d.addedTrailers {
			return d.stream.trailersReach(d)
		}
		d.passTrailers()
	}
	return nil
}

func (d *direction) resumeBody(data []byte, unseen bool) error {
	end := d.ended && !d.hasTrailers
	if unseen {
		return d.stream.bodyReaches(d, data, end)
	}
	d.passBody(data, end)
	return nil
}

// afterBody applies the filter's answer to a part of the body, which has left what it kept in d.chunk.
func (d *direction) afterBody(status uint64, data []byte) (fits bool, resume bool) {
	end := d.ended && !d.hasTrailers
	switch {
	case status == dataContinue && d.state == iterating:
		held := d.held
		d.held, d.holds = nil, false
		d.passBody(slices.Concat(held, data), end)
		if d.addedTrailers {
			d.passTrailers()
		}
		return true, false
	case status == dataContinue:
		d.hold(data, false)
		return true, true
	case status == dataStopAndBuffer:
		d.state = stopped
		return d.hold(data, true), false
	case status == dataStopAndWatermark:
		d.state = stopped
		d.hold(data, false)
	default: // what has come is dropped; the end is kept
		d.state = stopped
		d.holds = d.holds || end
	}
	return true, false
}
