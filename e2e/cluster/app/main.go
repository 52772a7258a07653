// SPDX-License-Identifier: Apache-2.0

// Command app is the application of the tests on a cluster, and its client:
//
//	app                                  answer on port 9080 with the request as it came
//	app get URL [Header: value]...       print the status, the headers and the body of an answer
//	app dial HOST:PORT...                print those that accept a connection
//	app watch URL "Header: value"        get it 20 times a second until the standard input ends, print each answer that
//	                                     is not 200 with the header, and how many there were
//	app kill NAME UID                    kill the program NAME of the Pod UID, where the processes of its node are seen
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "get":
		return get(args[1], args[2:], os.Stdout)
	case len(args) > 0 && args[0] == "dial":
		return dial(args[1:], os.Stdout)
	case len(args) == 3 && args[0] == "watch":
		return watch(args[1], args[2], os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == "kill":
		return kill(args[1], args[2])
	}
	return serve()
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":9080", Handler: http.HandlerFunc(echo)}
	shut := make(chan error, 1)
	context.AfterFunc(ctx, func() { shut <- server.Shutdown(context.Background()) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-shut
}

// echo answers with the request's line and headers, and with the name of the Pod that answers.
func echo(w http.ResponseWriter, r *http.Request) {
	host, err := os.Hostname()
	if err != nil {
		host = err.Error()
	}
	fmt.Fprintf(w, "%s: %s %s\n", host, r.Method, r.URL)
	r.Header.Write(w) // a client that has gone needs no answer
}

var client = http.Client{Timeout: 10 * time.Second}

func get(url string, headers []string, out io.Writer) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		value = strings.TrimSpace(value)
		if strings.EqualFold(name, "host") {
			request.Host = value
		}
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Fprintln(out, response.Proto, response.Status)
	if err := response.Header.Write(out); err != nil {
		return err
	}
	fmt.Fprintln(out)
	_, err = io.Copy(out, response.Body)
	return err
}

// dialTimeout is more than a connection takes whose first packet is sent twice.
const dialTimeout = 2 * time.Second

// dial connects to all addresses at the same time.
func dial(addresses []string, out io.Writer) error {
	reached := make([]bool, len(addresses))
	var running sync.WaitGroup
	for i, address := range addresses {
		running.Go(func() {
			conn, err := net.DialTimeout("tcp", address, dialTimeout)
			reached[i] = err == nil && conn.Close() == nil
		})
	}
	running.Wait()
	for i, address := range addresses {
		if !reached[i] {
			continue
		}
		if _, err := fmt.Fprintln(out, address); err != nil {
			return err
		}
	}
	return nil
}
