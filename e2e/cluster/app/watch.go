// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// watchPeriod is the time between two requests of watch, as long as each is answered within that.
const watchPeriod = 50 * time.Millisecond

// watch gets a URL again and again until in ends. Each answer that is not 200 with the header is a line, and the last
// line says how many answers there were.
func watch(url, header string, in io.Reader, out io.Writer) error {
	name, value, found := strings.Cut(header, ": ")
	if !found {
		return errors.New("watch needs a header with its value, such as hello: world")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, in) // that it ends is all that it says
	}()
	period := time.NewTicker(watchPeriod)
	defer period.Stop()
	for n := 1; ; n++ {
		began := time.Now()
		if err := expect(url, name, value); err != nil {
			fmt.Fprintf(out, "%s, after %s: %v\n", began.UTC().Format("15:04:05.000"), time.Since(began), err)
		}
		select {
		case <-ended:
			fmt.Fprintf(out, "%d requests\n", n)
			return nil
		case <-period.C:
		}
	}
}

// expect gets a URL once.
func expect(url, name, value string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %.200q", response.Status, body)
	case response.Header.Get(name) != value:
		return fmt.Errorf("no %s: %s, but %v from %.100q", name, value, response.Header, body)
	}
	return nil
}
