// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/autowasm/autowasm/e2e/env"
)

// emptyCheckout has nothing that a mesh could be built of.
func emptyCheckout(t *testing.T) env.Options {
	return env.Options{Dir: t.TempDir(), Checkout: t.TempDir(), CacheDir: t.TempDir()}
}

func TestMeshThatCannotBeBuilt(t *testing.T) {
	m, err := prepareMesh(t.Context(), emptyCheckout(t))
	if err != nil {
		t.Fatal(err)
	}
	m.progress.w = &bytes.Buffer{}
	if _, err := m.start(t.Context(), nil); err == nil {
		t.Error("the mesh was started without its programs")
	}
	if err := m.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStopWaitsForTheBuild(t *testing.T) {
	m, err := prepareMesh(t.Context(), emptyCheckout(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	select {
	case <-m.prepared:
	default:
		t.Error("the build was still under way")
	}
}

func TestMutedWriter(t *testing.T) {
	var out bytes.Buffer
	m := mutedWriter{w: &out}
	write := func(s string) {
		if n, err := m.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write(%q) = %d, %v", s, n, err)
		}
	}
	write("before")
	m.enabled.Store(true)
	write("after")
	if got := out.String(); got != "after" {
		t.Errorf("written: %q, want %q", got, "after")
	}
}
