// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// maxEcho bounds what is sent back of a body, in bytes.
	maxEcho = 16 << 20
	// headerTimeout is how long a client may take to send the headers of a request.
	headerTimeout = 10 * time.Second
)

// forwarded are the headers that a reverse proxy of Go removes. Envoy passes them on, and a filter may have set them.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// upstreamHandler is what is behind the filter.
func (o *runOptions) upstreamHandler(p *printer) http.Handler {
	target, err := url.Parse(o.upstream)
	if err != nil || o.upstream == "" {
		return http.HandlerFunc(echo)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			for _, name := range forwarded {
				if values, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = values
				}
			}
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.SetURL(target)
		},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				p.log("upstream", err.Error())
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

// echo answers with the request as it arrived. It reads all of that first: what it has not read when it begins to answer, the
// server would drop.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEcho))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		http.Error(w, fmt.Sprintf("wasmc: the body has more than %d MiB, which is not sent back: use --upstream", tooLarge.Limit>>20), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // the client is gone
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s %s\nhost: %s\n", r.Method, r.URL.RequestURI(), r.Proto, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(&head, "%s: %s\n", strings.ToLower(name), value)
		}
	}
	_, _ = io.WriteString(w, head.String()+"\n")
	_, _ = w.Write(body)
}

// served is a server on loopback.
type served struct {
	server  *http.Server
	address string
	done    chan struct{}
	err     error // why it ended; set once done is closed
}

func serve(listener net.Listener, handler http.Handler) *served {
	s := &served{
		server:  &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0)},
		address: listener.Addr().String(),
		done:    make(chan struct{}),
	}
	go func() { // Close waits for it
		defer close(s.done)
		s.err = s.server.Serve(listener)
	}()
	return s
}

// Close ends the server and its connections.
func (s *served) Close() {
	_ = s.server.Close()
	<-s.done
}

// serveUpstream serves what is behind the filter on any port.
func (o *runOptions) serveUpstream(p *printer) (*served, error) {
	listener, err := listen(0)
	if err != nil {
		return nil, fmt.Errorf("listen for what passed the filter: %w", err)
	}
	return serve(listener, o.upstreamHandler(p)), nil
}

// listen listens on a port of loopback, on any that is free for 0.
func listen(port uint16) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, hintedError{fmt.Errorf("port %d of 127.0.0.1 is in use", port), "name another --port, or none to listen on any that is free"}
	}
	return listener, err
}

// checkPort is the error of listen.
func checkPort(port uint16) error {
	listener, err := listen(port)
	if err != nil {
		return err
	}
	return listener.Close()
}
