// SPDX-License-Identifier: Apache-2.0

package chart

import "testing"

// TestGeneratedFiles are as make generate would write them.
func TestGeneratedFiles(t *testing.T) {
	t.Parallel()
	outdated, err := Outdated(t.Context(), checkout, helm)
	if err != nil || len(outdated) > 0 {
		t.Errorf("out of date, run make generate: %v (%v)", outdated, err)
	}
}

// TestLint: Helm has nothing to say against the chart.
func TestLint(t *testing.T) {
	t.Parallel()
	if out, err := helm.Run(t.Context(), "lint", "--strict", chartDir()); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
