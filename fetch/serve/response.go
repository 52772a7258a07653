// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"io"
	"math"
	"net/http"
	"time"
)

const (
	// sendChunk is how much is sent within one deadline, in bytes.
	sendChunk = 4 << 20
	// sendTimeout is how long a client may take to accept that much.
	sendTimeout = time.Minute
)

// response counts what is sent and cuts a client off that stops reading. The connection sends files without copying.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	code    int
	bytes   int64
}

func newResponse(w http.ResponseWriter) *response {
	return &response{ResponseWriter: w, control: http.NewResponseController(w), code: http.StatusOK}
}

// Unwrap is for http.ResponseController.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader sends the header.
func (r *response) WriteHeader(code int) {
	r.code = code
	r.extend()
	r.ResponseWriter.WriteHeader(code)
}

// Write sends a part of the body.
func (r *response) Write(p []byte) (int, error) {
	r.extend()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom sends src in chunks, each with a deadline of its own.
func (r *response) ReadFrom(src io.Reader) (sent int64, err error) {
	left := int64(math.MaxInt64)
	if limited, ok := src.(*io.LimitedReader); ok { // unwrapped, or sendfile would not see the file
		left, src = limited.N, limited.R
		defer func() { limited.N -= sent }()
	}
	for left > sent && err == nil {
		r.extend()
		chunk := min(sendChunk, left-sent)
		var n int64
		n, err = io.Copy(r.ResponseWriter, &io.LimitedReader{R: src, N: chunk})
		sent += n
		r.bytes += n
		if n < chunk {
			break
		}
	}
	return sent, err
}

// extend gives the client more time. Writers without deadlines are those of tests.
func (r *response) extend() {
	_ = r.control.SetWriteDeadline(time.Now().Add(sendTimeout))
}

// limitBody gives a client little time for the body of its request, which is not read. Other requests get no such
// limit: when it is reached, net/http takes the client for gone, even while it waits for a module.
func (r *response) limitBody() {
	_ = r.control.SetReadDeadline(time.Now().Add(readHeaderTimeout))
}
