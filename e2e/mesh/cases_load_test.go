// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pause is between two requests of a stream: slow enough for a small machine, and some hundred requests a change.
const pause = 5 * time.Millisecond

// A door is a port of a proxy, by the URL and the host of the requests to it.
type door struct{ url, host string }

// ask returns what a door answers, in short: the status and the values of the header hello, "200 earth,marsx".
func (d door) ask(ctx context.Context, c *http.Client) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return "", err
	}
	r.Host = d.host
	response, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	status := strconv.Itoa(response.StatusCode)
	return strings.TrimSpace(status + " " + strings.Join(response.Header.Values("hello"), ",")), nil
}

// A load is a steady stream of requests through each of some doors, on connections that are kept and on new ones.
type load struct {
	stop    context.CancelFunc
	streams sync.WaitGroup

	mu   sync.Mutex
	seen map[string]map[string]int // by door and answer, how often
}

func startLoad(t *testing.T, doors map[string]door) *load {
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, seen: map[string]map[string]int{}}
	for name, d := range doors {
		l.seen[name] = map[string]int{}
		for _, fresh := range []bool{false, true} {
			l.streams.Go(func() { l.stream(ctx, name, d, fresh) })
		}
	}
	return l
}

// stream asks a door until ctx is over. A request that is under way then is finished.
func (l *load) stream(ctx context.Context, name string, d door, fresh bool) {
	transport := &http.Transport{DisableKeepAlives: fresh}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: answerTimeout}
	for ctx.Err() == nil {
		answer, err := d.ask(context.WithoutCancel(ctx), client)
		if err != nil {
			answer = fmt.Sprint("no answer: ", err)
		}
		l.count(name, answer)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (l *load) count(name, answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[name][answer]++
}

// end stops the streams and returns what each door answered, and how often.
func (l *load) end() map[string]map[string]int {
	l.stop()
	l.streams.Wait()
	return l.seen
}
