package env

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// Timeout is how long anything may take before it counts as failed. It is for machines that are busy with other
	// work, and says nothing of how long it takes on one that is not.
	Timeout = 5 * time.Minute
	// answerTimeout is how long one question whether a part is ready may take.
	answerTimeout = 10 * time.Second
	// firstInterval and lastInterval are the time between two questions, which grows: some questions cost a process.
	firstInterval = 50 * time.Millisecond
	lastInterval  = 250 * time.Millisecond
)

// Probe asks a URL once and returns nil when the answer is 200 OK.
func Probe(ctx context.Context, url string) error { return probe(ctx, http.DefaultClient, url) }

// probe asks once whether a part is ready: 200 is yes.
func probe(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
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
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
	return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
}

// Poll tries until it succeeds, the context ends or Timeout is over. Then it returns the last error that is not the
// context's own.
func Poll(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("not within %s", Timeout))
	defer cancel()
	var last error
	for interval := firstInterval; ; interval = min(interval*5/4, lastInterval) {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), last)
		case <-time.After(interval):
		}
	}
}
