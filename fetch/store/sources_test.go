package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

func TestRememberNeedsTheModule(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	tests := map[string]struct{ key, sha string }{
		"an unknown module": {"key", hashOf(nil)},
		"an endless key":    {strings.Repeat("k", 1<<20), info.SHA256},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := f.Remember(tt.key, tt.sha)
			if err == nil || failure.Of(err).Reason != v1alpha1.ReasonStoreFailed {
				t.Errorf("Remember = %v", err)
			}
			if _, ok := f.Recall(tt.key); ok {
				t.Error("it is remembered nevertheless")
			}
		})
	}
}

func TestSourcesOfAModuleAreBounded(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	for i := range 300 {
		if err := f.Remember(fmt.Sprint("key ", i), info.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		_, oldest := f.Recall("key 0")
		newest, ok := f.Recall("key 299")
		if oldest || !ok || newest != info.SHA256 {
			t.Errorf("oldest remembered: %v, newest %q %v", oldest, newest, ok)
		}
		f.restart()
	}
}

// Putting a module anew, for instance to repair it, forgets none of its sources.
func TestPutKeepsSources(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	if err := f.Remember("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	f.put("x")
	if err := f.Remember("another key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, key := range []string{"key", "another key"} {
			if got, ok := f.Recall(key); !ok || got != info.SHA256 {
				t.Errorf("Recall(%s) = %q, %v", key, got, ok)
			}
		}
		f.restart()
	}
}
