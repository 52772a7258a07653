// SPDX-License-Identifier: Apache-2.0

package hostproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// maxBody bounds the body of a message, in bytes.
const maxBody = 16 << 20

// ServeHTTP passes a request through the filter to the handler, and its response back.
func (f *Filter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.uses.RLock()
	defer f.uses.RUnlock()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	s, err := f.begin(r)
	if err == nil {
		defer s.end()
		err = s.pass(r, body)
	}
	s.write(w, err)
}

// exchange is a request and its response in the filter.
type exchange struct {
	filter *Filter
	stream *host.Stream
}

func (f *Filter) begin(r *http.Request) (*exchange, error) {
	s := &exchange{filter: f}
	return s, f.call(func() (err error) {
		if err := f.ready(); err != nil {
			return err
		}
		s.stream, err = f.plugin.Stream(f.ctx, host.StreamConfig{Attributes: attributes(r), Protocol: r.Proto})
		return err
	})
}

// attributes are those of the connection.
func attributes(r *http.Request) host.Attributes {
	source := host.Attributes{"address": r.RemoteAddr}
	if _, port, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		if n, err := strconv.ParseInt(port, 10, 64); err == nil {
			source["port"] = n
		}
	}
	return host.Attributes{"source": source}
}

func (s *exchange) end() {
	_ = s.filter.call(func() error { return s.stream.Close(s.filter.ctx) })
}

// over is whether the filter, or the host because of it, has answered. The caller has the lock.
func (s *exchange) over() bool {
	_, reset := s.stream.Reset()
	return reset || s.stream.Local() != nil
}

// pass passes the request and the response. An answer of the filter is no error.
func (s *exchange) pass(r *http.Request, body []byte) error {
	err := s.filter.call(func() error { return s.send(requestHeaders(r), body, pairs(r.Trailer), true) })
	if err != nil {
		return err
	}
	var passed *host.Message
	over := false
	err = s.filter.until(r.Context(), func() bool {
		passed, over = s.stream.Request(), s.over()
		return passed.Complete || over
	})
	if err != nil || over {
		return err
	}
	answer := &recorder{header: http.Header{}}
	next, err := request(r.Context(), passed)
	if err != nil {
		return err
	}
	if err := answer.serve(s.filter.options.Next, next); err != nil {
		s.filter.note("upstream: " + err.Error())
	}
	headers, trailers := answer.parts()
	headers = append(host.Headers{{":status", strconv.Itoa(answer.status())}}, headers...)
	err = s.filter.call(func() error { return s.send(headers, answer.body.Bytes(), trailers, false) })
	if err != nil {
		return err
	}
	return s.filter.until(r.Context(), func() bool { return s.stream.Response().Complete || s.over() })
}

// send passes a message to the filter.
func (s *exchange) send(headers host.Headers, body []byte, trailers host.Headers, isRequest bool) error {
	ctx := s.filter.ctx
	sendHeaders, sendBody, sendTrailers := s.stream.ResponseHeaders, s.stream.ResponseBody, s.stream.ResponseTrailers
	if isRequest {
		sendHeaders, sendBody, sendTrailers = s.stream.RequestHeaders, s.stream.RequestBody, s.stream.RequestTrailers
	}
	more := len(trailers) > 0
	if err := sendHeaders(ctx, headers, len(body) == 0 && !more); err != nil {
		return err
	}
	if len(body) > 0 {
		if err := sendBody(ctx, body, !more); err != nil {
			return err
		}
	}
	if more {
		return sendTrailers(ctx, trailers)
	}
	return nil
}

// write writes what passed the filter, or its own answer, or what Envoy would answer in the place of one that failed.
func (s *exchange) write(w http.ResponseWriter, err error) {
	if errors.Is(err, errHeld) {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	var passed *host.Message
	reset := false
	if s.stream != nil {
		s.filter.mu.Lock()
		passed = s.stream.Response()
		_, reset = s.stream.Reset()
		s.filter.mu.Unlock()
	}
	switch {
	case reset:
		if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = connection.Close() // without an answer
		}
		return
	case passed == nil || passed.Headers == nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	status, _ := passed.Headers.Get(":status")
	code, err := strconv.Atoi(status)
	if err != nil || code < 200 || code > 999 {
		code = http.StatusServiceUnavailable
	}
	writeMessage(w, code, passed)
}

func writeMessage(w http.ResponseWriter, code int, m *host.Message) {
	for _, header := range m.Headers {
		if !strings.HasPrefix(header[0], ":") && header[0] != "content-length" && header[0] != "transfer-encoding" {
			w.Header().Add(header[0], header[1])
		}
	}
	for _, trailer := range m.Trailers {
		w.Header().Add(http.TrailerPrefix+trailer[0], trailer[1])
	}
	w.WriteHeader(code)
	_, _ = w.Write(m.Body)
}

// requestHeaders are those of a request as Envoy has them.
func requestHeaders(r *http.Request) host.Headers {
	headers := host.Headers{{":method", r.Method}, {":scheme", "http"}, {":authority", r.Host}, {":path", r.URL.RequestURI()}}
	return append(headers, pairs(r.Header)...)
}

// ofConnections are headers about a connection, which a proxy does not pass on.
var ofConnections = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"}

// pairs are sorted by name.
func pairs(header http.Header) (found host.Headers) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if slices.Contains(ofConnections, name) {
			continue
		}
		for _, value := range header[name] {
			found = append(found, [2]string{strings.ToLower(name), value})
		}
	}
	return found
}

// request is what passed the filter as a request of the next handler.
func request(ctx context.Context, m *host.Message) (*http.Request, error) {
	path, _ := m.Headers.Get(":path")
	target, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, err
	}
	method, _ := m.Headers.Get(":method")
	r, err := http.NewRequestWithContext(ctx, method, "/", bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	r.URL = target // not parsed from text: a path that begins with // would be a host
	r.Host, _ = m.Headers.Get(":authority")
	for _, header := range m.Headers {
		if !strings.HasPrefix(header[0], ":") && header[0] != "content-length" {
			r.Header.Add(header[0], header[1])
		}
	}
	return r, nil
}
