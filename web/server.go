// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Options are what a Server works with.
type Options struct {
	// Address is where Start listens, such as 127.0.0.1:8083. Required.
	Address string
	// Reader has all AutoWasms, EnvoyFilters with their managedFields, and trimmed Pods, and answers at once: a cache that
	// is synced. Required.
	Reader client.Reader
	// HasPods reports whether Reader has Pods. nil means that it has none.
	HasPods func() bool
	// RootNamespace is Istio's, whose AutoWasms are for the Pods of all namespaces.
	RootNamespace string
	// Replica is the name of this replica, and Version that of its program, for the page.
	Replica, Version string
}

const (
	// maxConnections and maxStreams bound how many are served at once; a page has one stream.
	maxConnections = 128
	maxStreams     = 32
	// requestTimeout is how long a response other than a stream may take to be sent.
	requestTimeout = time.Minute
	// drainTimeout is how long responses may take to end when the server stops.
	drainTimeout = 5 * time.Second
)

// Server serves the page. It is an http.Handler.
type Server struct {
	o       Options
	model   *model
	streams chan struct{} // has an element for each
	handler http.Handler
}

// New makes a Server.
func New(o Options) *Server {
	s := &Server{o: o, model: newModel(o, time.Now), streams: make(chan struct{}, maxStreams)}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/snapshot", s.serveSnapshot)
	mux.HandleFunc("/api/events", s.serveEvents)
	mux.HandleFunc("/api/autowasms/{namespace}/{name}", s.serveAutoWasm)
	mux.HandleFunc("/api/proxies", s.serveProxies)
	mux.HandleFunc("/api/proxies/{namespace}/{pod}", s.serveProxy)
	mux.HandleFunc("/", serveAsset)
	s.handler = guard(o.Address, mux)
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// NeedLeaderElection is false: every replica serves the page.
func (s *Server) NeedLeaderElection() bool { return false }

// Start listens on Options.Address and serves until ctx ends.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	log.FromContext(ctx).Info("Serving the page", "address", listener.Addr().String())
	return s.Serve(ctx, listener)
}

// Serve answers requests on a listener, which it closes, until ctx ends; streams end with it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	server := s.httpServer(ctx)
	group.Go(func() error {
		s.model.follow(ctx)
		return nil
	})
	group.Go(func() error {
		if err := server.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the page on %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		drain(ctx, server)
		return nil
	})
	return group.Wait()
}

func (s *Server) httpServer(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(log.FromContext(ctx)), slog.LevelDebug),
	}
}

// drain lets responses end, and then cuts them off.
func drain(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}
