package store

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

// A full disk cannot be had here, so the error of one is handed in where the
// write would return it.
func TestAFullDiskEvictsWhatNobodyUses(t *testing.T) {
	now := time.Now()
	s, err := Open(Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Put(t.Context(), bytes.NewReader(wasmtest.Module()), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := failure.Of(s.writeFailed("write", syscall.ENOSPC)); got.Reason != v1alpha1.ReasonStoreFailed || got.Terminal {
		t.Errorf("a full disk is %s, terminal %v", got.Reason, got.Terminal)
	}
	select {
	case <-s.Pressure():
	default:
		t.Error("nobody is told that the disk is full")
	}
	now = now.Add(time.Hour)
	removed, err := s.Evict(func(string) bool { return false })
	if err != nil || len(removed) != 1 || removed[0] != info.SHA256 {
		t.Errorf("Evict = %v, %v", removed, err)
	}
}
