// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"

	"github.com/autowasm/autowasm/render"
)

// maxAllocations bounds the work of one render with every field set.
const maxAllocations = 3000

func BenchmarkEnvoyFilter(b *testing.B) {
	aw := fullAutoWasm()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := render.EnvoyFilter(aw, testModule, testOptions); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEqual(b *testing.B) {
	live := full(b)
	desired := live.DeepCopy()
	b.ReportAllocs()
	for b.Loop() {
		if !render.Equal(live, desired) {
			b.Fatal("not equal")
		}
	}
}

func TestAllocationsAreBounded(t *testing.T) {
	aw := fullAutoWasm()
	got := testing.AllocsPerRun(100, func() {
		if _, err := render.EnvoyFilter(aw, testModule, testOptions); err != nil {
			t.Fatal(err)
		}
	})
	if got > maxAllocations {
		t.Errorf("%.0f allocations, at most %d wanted", got, maxAllocations)
	}
}
