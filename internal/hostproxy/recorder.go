// SPDX-License-Identifier: Apache-2.0

package hostproxy

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// recorder keeps a response.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
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
		return 0, errors.New("the response is too long")
	}
	return r.body.Write(p)
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
