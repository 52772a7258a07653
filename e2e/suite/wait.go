// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

// Timeout is how long a test waits for what the product does by itself. See env.Timeout: it is no expectation.
const Timeout = env.Timeout

// TimeoutFlag has kubectl wait as long.
var TimeoutFlag = "--timeout=" + Timeout.String()

// Eventually tries until it succeeds. When Timeout is over it fails the test with the last error, and with what the
// test's diagnoses (see OnTimeout) say then.
func Eventually(t testing.TB, try func(context.Context) error) {
	t.Helper()
	if err := env.Poll(t.Context(), try); err != nil {
		t.Fatalf("%v%s", err, Diagnose(t))
	}
}

// Detached returns a context for what is done after a test, when its own context is over.
func Detached(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), Timeout)
}

// Never fails the test when try succeeds within the duration.
func Never(t testing.TB, duration time.Duration, what string, try func(context.Context) error) {
	t.Helper()
	deadline := time.Now().Add(duration)
	for time.Now().Before(deadline) {
		if err := try(t.Context()); err == nil {
			t.Fatalf("%s, which must not happen", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// diagnosis says what the state of something is.
type diagnosis struct {
	test     string // whose it is, with its subtests
	describe func(context.Context) string
}

// diagnoses are those of the tests that run.
var diagnoses struct {
	sync.Mutex
	all []*diagnosis
}

// OnTimeout has a wait of a test, or of one of its subtests, that runs out of time say what describe returns then. It
// counts until the test is over.
func OnTimeout(t testing.TB, describe func(context.Context) string) {
	d := &diagnosis{test: t.Name(), describe: describe}
	diagnoses.Lock()
	defer diagnoses.Unlock()
	diagnoses.all = append(diagnoses.all, d)
	t.Cleanup(func() { forget(d) })
}

func forget(d *diagnosis) {
	diagnoses.Lock()
	defer diagnoses.Unlock()
	for i, other := range diagnoses.all {
		if other == d {
			diagnoses.all = append(diagnoses.all[:i:i], diagnoses.all[i+1:]...)
			return
		}
	}
}

// diagnosisTimeout bounds what all diagnoses of a test may take.
const diagnosisTimeout = 30 * time.Second

// Diagnose returns what the diagnoses of a test say, each on lines of its own.
func Diagnose(t testing.TB) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), diagnosisTimeout)
	defer cancel()
	var text strings.Builder
	for _, d := range diagnosesOf(t.Name()) {
		fmt.Fprintf(&text, "\n--- %s", strings.TrimSpace(d.describe(ctx)))
	}
	return text.String()
}

func diagnosesOf(test string) (of []*diagnosis) {
	diagnoses.Lock()
	defer diagnoses.Unlock()
	for _, d := range diagnoses.all {
		if strings.HasPrefix(test+"/", d.test+"/") {
			of = append(of, d)
		}
	}
	return of
}
