// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"
)

// newRedisCommand returns the command that serves the cache of the controllers, until it is stopped: a redis in Go, which keeps
// all in memory. Argo CD's own tests have it too.
func newRedisCommand() *cobra.Command {
	var address string
	command := &cobra.Command{
		Use:  "redis",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return serveRedis(ctx, address)
		},
	}
	command.Flags().StringVar(&address, "address", "127.0.0.1:6379", "the address to serve at")
	return command
}

func serveRedis(ctx context.Context, address string) error {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(address); err != nil {
		return fmt.Errorf("serve redis at %s: %w", address, err)
	}
	defer server.Close()
	passTime(ctx, server)
	return nil
}

// passTime has the server's keys expire, whose time does not pass by itself, until the context ends.
func passTime(ctx context.Context, server *miniredis.Miniredis) {
	const step = time.Second
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			server.FastForward(step)
		}
	}
}
