// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
)

func TestUseIsLookupWithATime(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	got, ok := f.Use(info.SHA256)
	if !ok || got.Info != info || !got.FetchedAt.Equal(f.now) {
		t.Errorf("Use = %+v, %v; want %+v of %s", got, ok, info, f.now)
	}
	for _, unknown := range []string{"", hashOf(nil), strings.ToUpper(info.SHA256), "../sha256/" + info.SHA256} {
		if got, ok := f.Use(unknown); ok {
			t.Errorf("Use(%q) = %+v", unknown, got)
		}
		if got, ok := f.Lookup(unknown); ok || got != (module.Info{}) {
			t.Errorf("Lookup(%q) = %+v", unknown, got)
		}
	}
}

func TestAddSourceNeedsTheModule(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	tests := map[string]struct{ key, sha string }{
		"an unknown module": {"key", hashOf(nil)},
		"an endless key":    {strings.Repeat("k", 1<<20), info.SHA256},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			expectTransient(t, f.AddSource(tt.key, tt.sha))
			if _, ok := f.LookupSource(tt.key); ok {
				t.Error("it is known nevertheless")
			}
		})
	}
}

func TestSourcesOfAModuleAreBounded(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	for i := range 300 {
		if err := f.AddSource(fmt.Sprint("key ", i), info.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		_, oldest := f.LookupSource("key 0")
		newest, ok := f.LookupSource("key 299")
		if oldest || !ok || newest != info.SHA256 {
			t.Errorf("oldest known: %v, newest %q %v", oldest, newest, ok)
		}
		f.restart()
	}
}

// Putting a module again, for instance to repair it, keeps its sources.
func TestPutKeepsSources(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	if err := f.AddSource("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	f.put("x")
	f.restart() // what the record has now
	f.put("x")
	if err := f.AddSource("another key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, key := range []string{"key", "another key"} {
			if got, ok := f.LookupSource(key); !ok || got != info.SHA256 {
				t.Errorf("LookupSource(%s) = %q, %v", key, got, ok)
			}
		}
		f.restart()
	}
}

// A source that gives another module now is of that one: of the first it is
// forgotten when it goes, and not when the first goes.
func TestASourceMovesToAnotherModule(t *testing.T) {
	f := newFixture(t)
	first, second := f.put("first"), f.put("second")
	for _, info := range []module.Info{first, second} {
		if err := f.AddSource("key", info.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	f.now = f.now.Add(25 * time.Hour)
	if diff := cmp.Diff(sorted(first), f.evict(only(second))); diff != "" {
		t.Fatal(diff)
	}
	if got, ok := f.LookupSource("key"); !ok || got != second.SHA256 {
		t.Errorf("LookupSource = %q, %v, want %s", got, ok, second.SHA256)
	}
}

// A source that is known costs no write.
func TestAddSourceAgainWritesNothing(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	if err := f.AddSource("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(f.path(info.SHA256) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddSource("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(f.path(info.SHA256) + ".json")
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the record was replaced (%v)", err)
	}
}
