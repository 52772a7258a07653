// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
)

// answerTimeout is how long a proxy may take to answer a request. It takes part in what else the machine does.
const answerTimeout = time.Minute

// refused is the answer of a port on which nobody listens.
const refused = "refused"

// answerOf is what a URL answers, in short: the status and the values of the header hello, "200 earth,marsx".
// It asks on a connection of its own, as curl would: an old connection keeps its listener.
func answerOf(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return refused, nil
	}
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	status := strconv.Itoa(response.StatusCode)
	return strings.TrimSpace(status + " " + strings.Join(response.Header.Values("hello"), ",")), nil
}

func checkAnswer(ctx context.Context, url, want string) error {
	got, err := answerOf(ctx, url)
	if err == nil && got != want {
		return fmt.Errorf("GET %s answered %q, want %q", url, got, want)
	}
	return err
}

// requireAnswer requires an answer at this moment.
func requireAnswer(t *testing.T, url, want string) {
	t.Helper()
	if err := checkAnswer(t.Context(), url, want); err != nil {
		t.Error(err)
	}
}

// waitForAnswer waits until a URL gives an answer.
func waitForAnswer(t *testing.T, url, want string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error { return checkAnswer(ctx, url, want) })
}

// waitThrough waits for an answer and requires every answer until then to be the former one.
func waitThrough(t *testing.T, url, former, want string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		got, err := answerOf(ctx, url)
		switch {
		case err != nil:
			t.Fatalf("between %q and %q: %v", former, want, err)
		case got != want && got != former:
			t.Fatalf("GET %s answered %q between %q and %q", url, got, former, want)
		case got != want:
			return fmt.Errorf("GET %s still answers %q, want %q", url, got, want)
		}
		return nil
	})
}

// requireStays requires an answer again and again.
func requireStays(t *testing.T, url, want string, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := checkAnswer(t.Context(), url, want); err != nil {
			t.Fatal(err)
		}
	}
}
