// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/store"
)

// HealthPath answers 200 for as long as the server does.
const HealthPath = "/healthz"

// Defaults of Options.
const (
	DefaultAddress      = ":8081"
	DefaultDrainTimeout = 30 * time.Second
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// Filler brings a module into the store from elsewhere, once for all who wait. Its errors are *failure.Error.
type Filler interface {
	Fill(ctx context.Context, sha256 string) error
}

// Options are what a Server works with.
type Options struct {
	// Store has the modules. Required.
	Store *store.Store
	// Filler brings what the store lacks; nil means that nothing does.
	Filler Filler
	// Registry gets the metrics; nil registers none.
	Registry prometheus.Registerer
	// Address is where Start listens. Empty means DefaultAddress.
	Address string
	// DrainTimeout is how long requests may take to end when the server stops. 0 means DefaultDrainTimeout.
	DrainTimeout time.Duration
}

// Server serves the modules of a store. It is an http.Handler.
type Server struct {
	o         Options
	accesses  *accesses
	limits    limits
	requests  *places
	logs      *rate.Limiter // of what clients can have logged
	metrics   *metrics
	listening atomic.Bool
	invalid   error // why the metrics could not be registered
}

// New makes a Server.
func New(o Options) *Server {
	o.DrainTimeout = cmp.Or(max(o.DrainTimeout, 0), DefaultDrainTimeout)
	o.Address = cmp.Or(o.Address, DefaultAddress)
	l := defaultLimits
	s := &Server{o: o, accesses: newAccesses(), limits: l, requests: newPlaces(l.requests, l.requestsOfOne), logs: rate.NewLimiter(logRate, logBurst), metrics: newMetrics()}
	if o.Registry != nil {
		s.invalid = s.metrics.register(o.Registry)
	}
	return s
}

// ServeHTTP answers one request. It does without http.ServeMux, which redirects requests whose path is not clean.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newResponse(w)
	defer func() { s.metrics.served(out.code, out.bytes) }()
	client := addressOf(r.RemoteAddr)
	if !s.requests.take(client) {
		rejectExcess(out)
		return
	}
	defer s.requests.release(client)
	if r.ContentLength != 0 {
		out.limitBody()
	}
	name, isModule := strings.CutPrefix(r.URL.Path, v1alpha1.ModulePath)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		out.Header().Set("Allow", "GET, HEAD")
		reject(out, http.StatusMethodNotAllowed, "only GET and HEAD are allowed")
	case r.URL.Path == HealthPath:
		answer(out, http.StatusOK, "ok")
	case !isModule:
		reject(out, http.StatusNotFound, "modules are at "+v1alpha1.ModulePath+"<sha256>")
	case s.serveAccesses(out, r, name):
	case !v1alpha1.IsSHA256(name):
		reject(out, http.StatusBadRequest, "a module is named by its sha256, 64 lower-case hex digits")
	default:
		s.serveModule(out, r, name)
	}
}

// Start listens on Options.Address and serves until ctx ends.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("module server: %w", err)
	}
	return s.Serve(ctx, listener)
}

// NeedLeaderElection is false: every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Serve answers HTTP/1.1 and unencrypted HTTP/2 on a listener, which it closes. When ctx ends it accepts no more, lets
// requests under way end for Options.DrainTimeout, and returns nil; an error means that it could not serve.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if s.invalid != nil {
		listener.Close() //nolint:errcheck // the other error says more
		return s.invalid
	}
	server := s.httpServer(ctx)
	s.listening.Store(true)
	defer s.listening.Store(false)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var err error
	select {
	case err = <-ended:
		err = fmt.Errorf("module server on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
		s.drain(ctx, server)
		<-ended
	}
	return err
}

// Ready fails while no proxy could reach the server.
func (s *Server) Ready() error {
	if !s.listening.Load() {
		return errors.New("the module server does not listen")
	}
	return nil
}

func (s *Server) httpServer(ctx context.Context) *http.Server {
	logger := log.FromContext(ctx).WithName("module-server")
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           s,
		Protocols:         &protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ConnState:         (&connections{places: newPlaces(s.limits.connections, s.limits.connectionsOfOne)}).changed,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(logger), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return log.IntoContext(context.WithoutCancel(ctx), logger) },
	}
}

// drain stops the server; requests that do not end in time are cut off.
func (s *Server) drain(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.DrainTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err == nil {
		return
	}
	log.FromContext(ctx).Info("Cutting off requests of the module server", "err", err.Error())
	if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.FromContext(ctx).Error(err, "Cannot close the module server")
	}
}
