// SPDX-License-Identifier: Apache-2.0

package hostproxy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// recorder keeps a response.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
	err    error // why it is not whole
}

var _ http.ResponseWriter = &recorder{}

// Header returns the headers.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader keeps the first code that is final.
func (r *recorder) WriteHeader(code int) {
	if code >= http.StatusOK {
		r.code = cmp.Or(r.code, code)
	}
}

// Write fails beyond maxBody.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(p) > maxBody {
		r.err = fmt.Errorf("the response has more than %d MiB", maxBody>>20)
		return 0, r.err
	}
	return r.body.Write(p)
}

// serve has a handler answer. A response that breaks off, or is too long, is answered with 502 in its place.
func (r *recorder) serve(handler http.Handler, request *http.Request) (err error) {
	defer func() {
		v := recover()
		if v != nil && v != http.ErrAbortHandler { // which is how a handler breaks off
			panic(v)
		}
		if v != nil {
			r.err = cmp.Or(r.err, errors.New("the response breaks off"))
		}
		if err = r.err; err != nil {
			*r = recorder{header: http.Header{}, code: http.StatusBadGateway}
		}
	}()
	handler.ServeHTTP(r, request)
	return nil
}

// status is the code of the response.
func (r *recorder) status() int { return cmp.Or(r.code, http.StatusOK) }

// parts are the headers and trailers, which handlers may set by a prefix.
func (r *recorder) parts() (headers, trailers host.Headers) {
	for _, header := range pairs(r.header) {
		if name, isTrailer := strings.CutPrefix(header[0], strings.ToLower(http.TrailerPrefix)); isTrailer {
			trailers = append(trailers, [2]string{name, header[1]})
		} else {
			headers = append(headers, header)
		}
	}
	return headers, trailers
}
