package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

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

// Serve answers HTTP/1.1 and unencrypted HTTP/2 on a listener, which it closes.
// When ctx ends it accepts no more, lets requests under way end for
// Options.DrainTimeout, and returns nil; an error means that it could not serve.
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
	if s.fills != nil {
		s.fills.stop()
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
	log.FromContext(ctx).Info("module server: requests are cut off", "reason", err.Error())
	if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.FromContext(ctx).Error(err, "module server: close")
	}
}
