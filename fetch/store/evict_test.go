package store_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

func nobody(string) bool { return false }

func only(infos ...module.Info) func(string) bool {
	return func(sha string) bool { return slices.Contains(names(infos...), sha) }
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
	if got := f.evict(nobody); !slices.Equal(got, names(old)) {
		t.Errorf("removed %v, want only the one that nobody used for a day: %s", got, old.SHA256)
	}
	f.now = f.now.Add(25 * time.Hour)
	if got := f.evict(only(wanted)); !slices.Equal(got, names(served)) {
		t.Errorf("removed %v, want %s and never the referenced one", got, served.SHA256)
	}
	if diff := cmp.Diff(store.Usage{Modules: 1, Bytes: wanted.Size}, f.Usage()); diff != "" {
		t.Error(diff)
	}
}

func TestEvictedIsGoneFromDisk(t *testing.T) {
	f := newFixture(t)
	info := f.put("x")
	if err := f.Remember("key", info.SHA256); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(25 * time.Hour)
	f.evict(nobody)
	if _, ok := f.Recall("key"); ok {
		t.Error("the source is remembered without its module")
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
	if got := f.evict(nobody); !slices.Equal(got, names(old)) {
		t.Errorf("removed %v, want only %s", got, old.SHA256)
	}
}

func TestEvictMakesRoomLeastRecentlyServedFirst(t *testing.T) {
	size := int64(len(wasmtest.Module(wasmtest.Salt("a"))))
	f := newFixture(t, func(o *store.Options) { o.MaxTotalBytes = 2 * size })
	a, b := f.put("a"), f.put("b")
	f.now = f.now.Add(time.Hour)
	f.serve(b.SHA256)
	f.now = f.now.Add(time.Second)
	f.serve(a.SHA256)
	c := f.put("c")
	expectPressure(t, f)

	_, err := f.Put(t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Salt("d"))), "")
	if got := failure.Of(err); err == nil || got.Reason != v1alpha1.ReasonStoreFailed || got.Terminal {
		t.Fatalf("Put above the limit = %v", err)
	}
	if got := f.evict(only(c)); !slices.Equal(got, names(b)) {
		t.Errorf("removed %v, want %s, which was served before %s", got, b.SHA256, a.SHA256)
	}
	f.put("d")
}

func expectPressure(t *testing.T, f *fixture) {
	t.Helper()
	select {
	case <-f.Pressure():
	default:
		t.Error("nobody is told that room is short")
	}
}

// What was put or used a moment ago is about to be named by an EnvoyFilter.
func TestPressureSparesWhatIsBeingHandedOver(t *testing.T) {
	f := newFixture(t, func(o *store.Options) { o.MaxTotalBytes = 1 })
	info := f.put("x")
	if got := f.evict(nobody); got != nil {
		t.Errorf("removed %v at once", got)
	}
	f.now = f.now.Add(50 * time.Second)
	f.Use(info.SHA256)
	f.now = f.now.Add(50 * time.Second)
	if got := f.evict(nobody); got != nil {
		t.Errorf("removed %v although it was used", got)
	}
	f.now = f.now.Add(time.Hour)
	if got := f.evict(only(info)); got != nil {
		t.Errorf("removed the referenced %v", got)
	}
	f.now = f.now.Add(2 * time.Minute)
	if got := f.evict(nobody); !slices.Equal(got, names(info)) {
		t.Errorf("removed %v", got)
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
	f.evict(nobody)
	data, err := io.ReadAll(file)
	if err != nil || hashOf(data) != info.SHA256 {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
}
