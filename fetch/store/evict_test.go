// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
)

func none(string) bool { return false }

func only(infos ...module.Info) func(string) bool {
	return func(sha string) bool { return slices.Contains(sorted(infos...), sha) }
}

func (f *fixture) evict(referenced func(string) bool) []string {
	f.t.Helper()
	removed, err := f.Evict(referenced)
	if err != nil {
		f.t.Fatalf("evict: %v", err)
	}
	return removed
}

func TestEvictAfterRetention(t *testing.T) {
	f := newFixture(t)
	old, served, wanted := f.put("old"), f.put("served"), f.put("wanted")

	f.now = f.now.Add(20 * time.Hour)
	f.serve(served.SHA256)
	f.evict(only(wanted))

	f.now = f.now.Add(5 * time.Hour)
	if got := f.evict(none); !slices.Equal(got, sorted(old)) {
		t.Errorf("removed %v, want only the one that was not used for a day: %s", got, old.SHA256)
	}
	f.now = f.now.Add(25 * time.Hour)
	if got := f.evict(only(wanted)); !slices.Equal(got, sorted(served)) {
		t.Errorf("removed %v, want %s and never the referenced one", got, served.SHA256)
	}
	if diff := cmp.Diff(store.Usage{Modules: 1, Bytes: diskBytes(wanted.Size)}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestRetentionEndsAfterItsTime(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.Retention = time.Hour })
	info := f.put("x")
	f.now = f.now.Add(time.Hour)
	if got := f.evict(none); got != nil {
		t.Errorf("removed %v at the end of the hour", got)
	}
	f.now = f.now.Add(1)
	if got := f.evict(none); !slices.Equal(got, sorted(info)) {
		t.Errorf("removed %v after the hour", got)
	}
}

func TestEvictedIsGoneFromDisk(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	if err := f.AddSource("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(25 * time.Hour)
	f.evict(none)
	if _, ok := f.LookupSource("key"); ok {
		t.Error("the source is known without its module")
	}
	if _, ok := f.Use(info.SHA256); ok {
		t.Error("the module can be used")
	}
	if files := f.files(); files != nil {
		t.Errorf("files are left: %v", files)
	}
	f.restart()
	if f.Usage() != (store.Usage{}) {
		t.Errorf("after a restart: %+v", f.Usage())
	}
}

// A restart must not make modules look unused: they would be evicted too early.
func TestLastUseSurvivesARestart(t *testing.T) {
	f := newFixture(t)
	served, wanted, old := f.put("served"), f.put("wanted"), f.put("old")
	f.now = f.now.Add(20 * time.Hour)
	f.serve(served.SHA256)
	f.evict(only(wanted))
	f.restart()
	f.now = f.now.Add(5 * time.Hour)
	if got := f.evict(none); !slices.Equal(got, sorted(old)) {
		t.Errorf("removed %v, want only %s", got, old.SHA256)
	}
}

func TestEvictMakesRoomLeastRecentlyServedFirst(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.MaxTotalBytes = 2 * diskBytes(100) })
	a, b := f.put("a"), f.put("b")
	f.now = f.now.Add(time.Hour)
	f.serve(b.SHA256)
	f.now = f.now.Add(time.Second)
	f.serve(a.SHA256)
	c := f.put("c")
	expectPressure(t, f.Store)

	_, err := f.Put(t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Salt("d"))), "", store.Claim{})
	expectTransient(t, err)
	if got := f.evict(only(c)); !slices.Equal(got, sorted(b)) {
		t.Errorf("removed %v, want %s, which was served before %s", got, b.SHA256, a.SHA256)
	}
	f.put("d")
}

// What was put or used a moment ago is about to be named by an EnvoyFilter.
func TestPressureSparesWhatWasUsedJustNow(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.MaxTotalBytes = 1 })
	info := f.put("x")
	if got := f.evict(none); got != nil {
		t.Errorf("removed %v at once", got)
	}
	f.now = f.now.Add(50 * time.Second)
	f.Use(info.SHA256)
	f.now = f.now.Add(50 * time.Second)
	if got := f.evict(none); got != nil {
		t.Errorf("removed %v although it was used", got)
	}
	f.now = f.now.Add(time.Hour)
	if got := f.evict(only(info)); got != nil {
		t.Errorf("removed the referenced %v", got)
	}
	f.now = f.now.Add(2 * time.Minute)
	if got := f.evict(none); !slices.Equal(got, sorted(info)) {
		t.Errorf("removed %v", got)
	}
}

// A module that is used after Evict has asked for references and before it
// removes stays: its name may be published by now.
func TestEvictSparesWhatIsUsedMeanwhile(t *testing.T) {
	for name, limit := range map[string]int64{"expired": 0, "under pressure": 1} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(o *store.Options) { o.MaxTotalBytes = limit })
			info := f.put("x")
			f.now = f.now.Add(25 * time.Hour)
			removed := f.evict(func(sha string) bool {
				if _, ok := f.Use(sha); !ok {
					t.Error("it is gone already")
				}
				return false
			})
			if removed != nil {
				t.Errorf("removed %v", removed)
			}
			f.serve(info.SHA256)
		})
	}
}

func TestEvictedWhileServedIsServedToTheEnd(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	file, _, err := f.OpenFile(info.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f.now = f.now.Add(25 * time.Hour)
	f.evict(none)
	data, err := io.ReadAll(file)
	if err != nil || hashOf(data) != info.SHA256 {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
}

// One module that cannot be removed does not keep the others.
func TestEvictGoesOnAfterAnError(t *testing.T) {
	f := newFixture(t)
	a, b, c := f.put("a"), f.put("b"), f.put("c")
	obstruct(t, f.path(b.SHA256))
	f.now = f.now.Add(25 * time.Hour)
	removed, err := f.Evict(none)
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte(b.SHA256)) {
		t.Errorf("Evict = %v, want an error that names %s", err, b.SHA256)
	}
	slices.Sort(removed)
	if want := sorted(a, b, c); !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	if f.Usage() != (store.Usage{}) {
		t.Errorf("usage %+v", f.Usage())
	}
}

func (f *fixture) putFor(namespace, salt string, referenced bool) (module.Info, error) {
	m := wasmtest.Module(wasmtest.Salt(salt))
	return f.Put(f.t.Context(), bytes.NewReader(m), "", store.Claim{Namespace: namespace, Referenced: referenced})
}

// One namespace gets half of the store. What proxies need is taken in all the same.
func TestShareOfANamespace(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.MaxTotalBytes = 8 * diskBytes(100) })
	var greedy []module.Info
	for i := range 5 { // the last is the one that exceeds it
		info, err := f.putFor("greedy", fmt.Sprint(i), false)
		if err != nil {
			t.Fatal(err)
		}
		greedy = append(greedy, info)
	}
	expectPressure(t, f.Store)
	for range 2 {
		_, err := f.putFor("greedy", "x", false)
		expectTransient(t, err)
		if want := "the store holds 40960 bytes for namespace greedy, and no more than 32768 for one"; !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
		f.restart() // which forgets no claim
	}
	if _, err := f.putFor("other", "y", false); err != nil {
		t.Errorf("another namespace: %v", err)
	}
	needed, err := f.putFor("greedy", "z", true)
	if err != nil {
		t.Errorf("a referenced module: %v", err)
	}
	if _, err := f.putFor("other", "0", false); err != nil { // which stays the first one's
		t.Errorf("another namespace, a module of the first: %v", err)
	}
	f.now = f.now.Add(2 * time.Minute)
	if got := f.evict(only(append(greedy[1:], needed)...)); !slices.Equal(got, sorted(greedy[0])) {
		t.Errorf("removed %v, want %s", got, greedy[0].SHA256)
	}
}

// However small they are, there are only so many. What proxies need is taken in all the same.
func TestMaxModules(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.MaxModules = 3 })
	for i := range 4 { // the last is the one that exceeds it
		if _, err := f.putFor(fmt.Sprint("ns-", i), fmt.Sprint(i), false); err != nil {
			t.Fatal(err)
		}
	}
	expectPressure(t, f.Store)
	_, err := f.putFor("other", "x", false)
	expectTransient(t, err)
	if want := "the store is full: it holds 4 modules"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q lacks %q", err, want)
	}
	needed, err := f.putFor("other", "y", true)
	if err != nil {
		t.Errorf("a referenced module: %v", err)
	}
	f.now = f.now.Add(2 * time.Minute)
	if got := f.evict(only(needed)); len(got) != 2 {
		t.Errorf("removed %v, want two", got)
	}
	if _, err := f.putFor("other", "x", false); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// Small modules count as what they take of the disk, with their records.
func TestUsageIsThatOfTheDisk(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	for i := range 8 {
		if err := f.AddSource(fmt.Sprint(i)+strings.Repeat("k", 1000), info.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	want := store.Usage{Modules: 1, Bytes: 4096 + 3*4096}
	if got := f.Usage(); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	f.restart()
	if got := f.Usage(); got != want {
		t.Errorf("after a restart: usage %+v, want %+v", got, want)
	}
	f.now = f.now.Add(25 * time.Hour)
	f.evict(none)
	if got := f.Usage(); got != (store.Usage{}) {
		t.Errorf("without modules: usage %+v", got)
	}
}
