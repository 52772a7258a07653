// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"testing"
)

// TestDiagnosesOfATest: a test has its own and those of the tests that it is part of, as long as these run.
func TestDiagnosesOfATest(t *testing.T) {
	says := func(text string) func(context.Context) string { return func(context.Context) string { return text } }
	OnTimeout(t, says("outer"))
	t.Run("a", func(t *testing.T) {
		OnTimeout(t, says("inner"))
		if got, want := Diagnose(t), "\n--- outer\n--- inner"; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	})
	t.Run("ab", func(t *testing.T) {
		if got, want := Diagnose(t), "\n--- outer"; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	})
	if n := len(diagnosesOf("TestAnother")); n != 0 {
		t.Errorf("another test has %d diagnoses", n)
	}
}
