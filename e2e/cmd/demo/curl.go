// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// curl prints what the last argument, a URL, answers, and with -i the status and headers before it; the arguments after
// -H are headers of the request: all that the demo needs of curl on a machine that has none.
func curl(ctx context.Context, args []string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[len(args)-1], nil)
	if err != nil {
		return err
	}
	for i, arg := range args {
		if name, value, ok := strings.Cut(arg, ":"); ok && args[i-1] == "-H" {
			request.Header.Set(name, strings.TrimSpace(value))
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if slices.Contains(args, "-i") {
		printHead(out, response)
	}
	_, err = io.Copy(out, response.Body)
	return err
}

func printHead(out io.Writer, r *http.Response) {
	fmt.Fprintln(out, r.Proto, r.Status)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(out, "%s: %s\n", strings.ToLower(name), value)
		}
	}
	fmt.Fprintln(out)
}
