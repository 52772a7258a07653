// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

// An App is the application of a workload: it answers every request with its name.
type App struct {
	Address string // host:port

	server *http.Server
	serve  sync.WaitGroup
	err    error
}

// startApp serves at a free port until close.
func startApp(name string) (*App, error) {
	listener, err := net.Listen("tcp4", env.Address(0))
	if err != nil {
		return nil, fmt.Errorf("start the application %s: %w", name, err)
	}
	a := &App{
		Address: listener.Addr().String(),
		server:  &http.Server{Handler: answer(name), ReadHeaderTimeout: 10 * time.Second},
	}
	a.serve.Go(func() { a.err = a.server.Serve(listener) })
	return a, nil
}

func answer(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s answers %s %s\n", name, r.Method, r.URL.Path)
	})
}

func (a *App) close() error {
	err := a.server.Close()
	a.serve.Wait()
	if errors.Is(a.err, http.ErrServerClosed) {
		return err
	}
	return errors.Join(err, a.err)
}
