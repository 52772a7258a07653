// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// serveHealth answers GET /healthz until ctx ends.
func serveHealth(ctx context.Context, address string) error {
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(answerHealthz)}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer health checks at %s: %w", address, err)
	}
	return nil
}

func answerHealthz(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		http.NotFound(w, r)
	}
}
