// SPDX-License-Identifier: Apache-2.0

package sleep

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, tt := range []struct {
			d, took time.Duration
			err     error
		}{
			{0, 0, nil},
			{-time.Second, 0, nil},
			{time.Second, time.Second, nil},
			{time.Hour, 59 * time.Second, context.DeadlineExceeded},
			{time.Hour, 0, context.DeadlineExceeded},
		} {
			began := time.Now()
			if err := For(ctx, tt.d); !errors.Is(err, tt.err) || time.Since(began) != tt.took {
				t.Errorf("for %s: %v after %s, want %v after %s", tt.d, err, time.Since(began), tt.err, tt.took)
			}
		}
	})
}
