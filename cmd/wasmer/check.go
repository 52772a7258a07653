// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// checkTimeout is how long a check goes on trying: a Service takes a moment to have its first endpoint, and DNS may
	// give the address of the one before for its time to live, commonly 30 seconds.
	checkTimeout  = time.Minute
	checkInterval = time.Second
	// checkAttempt bounds one try: nothing refuses a connection to an address that no Service has any more.
	checkAttempt = 3 * time.Second
)

// newCheck returns the command that helm test runs in the cluster: the image has no other program that could call a
// server.
func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check URL",
		Short: "Check that GET of a URL answers 200, within a minute",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if err := check(command.Context(), http.DefaultClient, args[0]); err != nil {
				return err
			}
			fmt.Fprintln(command.OutOrStdout(), args[0], "answers")
			return nil
		},
	}
}

// check requests url until it answers 200, and returns the last failure after checkTimeout.
func check(ctx context.Context, client *http.Client, url string) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, checkInterval, checkTimeout, true, func(ctx context.Context) (bool, error) {
		err := get(ctx, client, url)
		if last == nil || ctx.Err() == nil { // what the end of the time cut off says nothing
			last = err
		}
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("check %s for %s: %w", url, checkTimeout, last)
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, checkAttempt)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}
