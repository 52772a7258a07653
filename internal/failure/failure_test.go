// SPDX-License-Identifier: Apache-2.0

package failure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestOfClassifies(t *testing.T) {
	terminal := failure.Terminalf(v1alpha1.ReasonNotFound, "read image: %w", io.EOF)
	limited := &failure.Error{Reason: v1alpha1.ReasonRateLimited, RetryAfter: time.Minute, Err: io.EOF}
	tests := []struct {
		name       string
		err        error
		reason     v1alpha1.Reason
		terminal   bool
		retryAfter time.Duration
	}{
		{"itself", terminal, v1alpha1.ReasonNotFound, true, 0},
		{"wrapped", fmt.Errorf("outer: %w", limited), v1alpha1.ReasonRateLimited, false, time.Minute},
		{"wrapped with a text", failure.Wrapf(terminal, "admit %s", "x"), v1alpha1.ReasonNotFound, true, 0},
		{"a deadline", fmt.Errorf("get: %w", context.DeadlineExceeded), v1alpha1.ReasonPending, false, 0},
		{"cancelled", context.Canceled, v1alpha1.ReasonPending, false, 0},
		{"anything else", io.ErrUnexpectedEOF, v1alpha1.ReasonUnavailable, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := failure.Of(tt.err)
			if got.Reason != tt.reason || got.Terminal != tt.terminal || got.RetryAfter != tt.retryAfter {
				t.Errorf("Of(%v) = %+v, want %s, terminal %v, retry after %s", tt.err, got, tt.reason, tt.terminal, tt.retryAfter)
			}
		})
	}
}

func TestNilStaysNil(t *testing.T) {
	if got := failure.Of(nil); got != nil {
		t.Errorf("Of(nil) = %v", got)
	}
	if got := failure.Wrapf(nil, "x"); got != nil {
		t.Errorf("Wrapf(nil) = %v", got)
	}
}

func TestWrapfKeepsTheChain(t *testing.T) {
	inner := failure.Transientf(v1alpha1.ReasonUnavailable, "get manifest: %w", io.ErrUnexpectedEOF)
	got := failure.Wrapf(inner, "resolve %s", "reg.example/x:v1")
	if want := "resolve reg.example/x:v1: get manifest: unexpected EOF"; got.Error() != want {
		t.Errorf("message = %q, want %q", got, want)
	}
	if !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if inner.Error() != "get manifest: unexpected EOF" {
		t.Errorf("Wrapf changed its argument: %q", inner)
	}
}
