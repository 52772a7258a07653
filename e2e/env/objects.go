// SPDX-License-Identifier: Apache-2.0

package env

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// A fileServer is a plain web server for the files of a directory, as a public bucket is.
type fileServer struct {
	URL    string // without a slash at the end
	server *http.Server
	serve  sync.WaitGroup
	err    error
}

// serveFiles serves a directory at a free port until close.
func serveFiles(dir string) (*fileServer, error) {
	listener, err := net.Listen("tcp4", address(0))
	if err != nil {
		return nil, err
	}
	s := &fileServer{
		URL:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: 10 * time.Second},
	}
	s.serve.Go(func() { s.err = s.server.Serve(listener) })
	return s, nil
}

// close ends the server and its connections.
func (s *fileServer) close() error {
	err := s.server.Close()
	s.serve.Wait()
	if errors.Is(s.err, http.ErrServerClosed) {
		return err
	}
	return errors.Join(err, s.err)
}
