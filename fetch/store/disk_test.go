// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

func openTemporary(t *testing.T, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Dir: t.TempDir()}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, data []byte) module.Info {
	t.Helper()
	info, err := s.Put(t.Context(), bytes.NewReader(data), "", Claim{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantStoreFailed(t *testing.T, err error) {
	t.Helper()
	if got := failure.Of(err); err == nil || got.Reason != v1alpha1.ReasonStoreFailed || got.Terminal {
		t.Errorf("error %v, want a transient %s", err, v1alpha1.ReasonStoreFailed)
	}
}

func TestErrorsOfAFullDiskSignalPressure(t *testing.T) {
	tests := map[string]struct {
		err  error
		full bool
	}{
		"no space":        {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true},
		"quota":           {&os.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}, true},
		"not a full disk": {&os.PathError{Op: "write", Path: "x", Err: syscall.EIO}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			s := openTemporary(t, func(o *Options) { o.Now = func() time.Time { return now } })
			info := put(t, s, wasmtest.Module())
			now = now.Add(time.Hour)
			wantStoreFailed(t, s.writeFailed("write", tt.err))
			if got := len(s.Pressure()) == 1; got != tt.full {
				t.Errorf("pressure %v, want %v", got, tt.full)
			}
			removed, err := s.Evict(func(string) bool { return false })
			if gone := len(removed) == 1 && removed[0] == info.SHA256; err != nil || gone != tt.full {
				t.Errorf("Evict = %v, %v", removed, err)
			}
		})
	}
}

// What the disk lacked is made room for once: the next Put finds out how it is now.
func TestAFullDiskIsForgottenByEvict(t *testing.T) {
	now := time.Now()
	s := openTemporary(t, func(o *Options) { o.Now = func() time.Time { return now } })
	put(t, s, wasmtest.Module())
	_ = s.writeFailed("write", syscall.ENOSPC)
	referenced := func(string) bool { return true }
	if removed, err := s.Evict(referenced); removed != nil || err != nil {
		t.Fatalf("Evict = %v, %v: it is referenced", removed, err)
	}
	now = now.Add(time.Hour)
	if removed, err := s.Evict(func(string) bool { return false }); removed != nil || err != nil {
		t.Errorf("Evict = %v, %v: there is no pressure", removed, err)
	}
}

// Every step of Put may fail. Nothing is left behind, and Put works as soon as the
// disk does.
func TestDiskErrorsWhilePutting(t *testing.T) {
	data := wasmtest.Module()
	sha, err := hashOf(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ breaks, repair func(s *Store) error }{
		"creating the temporary file": {
			func(s *Store) error { return os.RemoveAll(s.temp) },
			func(s *Store) error { return os.MkdirAll(s.temp, 0o755) },
		},
		"renaming the record": {
			func(s *Store) error { return os.MkdirAll(filepath.Join(s.recordPath(sha), "x"), 0o755) },
			func(s *Store) error { return os.RemoveAll(s.recordPath(sha)) },
		},
		"renaming the module": {
			func(s *Store) error { return os.MkdirAll(filepath.Join(s.path(sha), "x"), 0o755) },
			func(s *Store) error { return os.RemoveAll(s.path(sha)) },
		},
		"finding the directory": {
			func(s *Store) error { return os.RemoveAll(s.modules) },
			func(s *Store) error { return os.MkdirAll(s.modules, 0o755) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := openTemporary(t)
			if err := tt.breaks(s); err != nil {
				t.Fatal(err)
			}
			_, err := s.Put(t.Context(), bytes.NewReader(data), sha, Claim{})
			wantStoreFailed(t, err)
			if _, ok := s.Lookup(sha); ok || s.Usage() != (Usage{}) {
				t.Errorf("the index has it: %+v", s.Usage())
			}
			if left, _ := os.ReadDir(s.temp); len(left) > 0 {
				t.Errorf("temporary files are left: %v", left)
			}
			if err := tt.repair(s); err != nil {
				t.Fatal(err)
			}
			put(t, s, data)
		})
	}
}

// A source that cannot be recorded is an error for the caller to log. The module
// is served nevertheless.
func TestDiskErrorsWhileRecordingASource(t *testing.T) {
	s := openTemporary(t)
	info := put(t, s, wasmtest.Module())
	if err := os.RemoveAll(s.temp); err != nil {
		t.Fatal(err)
	}
	wantStoreFailed(t, s.AddSource("key", info.SHA256))
	f, _, err := s.OpenFile(info.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	f.Close() //nolint:errcheck // only read
}

// Whoever found a file damaged removes it, and not the one that was put meanwhile.
func TestDiscardKeepsWhatWasPutMeanwhile(t *testing.T) {
	s := openTemporary(t)
	info := put(t, s, wasmtest.Module())
	damaged := s.entry(info.SHA256)
	put(t, s, wasmtest.Module())
	s.discard(damaged)
	f, _, err := s.OpenFile(info.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	f.Close() //nolint:errcheck // only read
}
