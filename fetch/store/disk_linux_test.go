// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// childDir is set in a process that a test started of itself: the directory to use.
const childDir = "AUTOWASM_STORE_TEST_DIR"

// child is the calling test in a process of its own.
func child(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	return cmd
}

// A write that fails half-way: the limit of a file's size is one that every process
// may set for itself.
func TestWriteThatFailsHalfWay(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		if out, err := child(t, t.TempDir()).CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	const limit = 1 << 20
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Put(t.Context(), bytes.NewReader(wasmtest.Module(wasmtest.Padding(2*limit))), "", Claim{})
	wantStoreFailed(t, err)
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("%v is not of the write", err)
	}
	expectEmpty(t, s)
	put(t, s, wasmtest.Module(wasmtest.Padding(limit/2)))
}

func expectEmpty(t *testing.T, s *Store) {
	t.Helper()
	for _, dir := range []string{s.temp, s.modules} {
		if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
			t.Errorf("%s has %v, %v", dir, left, err)
		}
	}
}

// A file system of 1 MiB of its own. Where a process may not mount one, as in some
// containers, TestErrorsOfAFullDiskSignalPressure is what remains.
func TestFullFileSystem(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		runWithFileSystem(t, t.TempDir())
		return
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("cannot mount: %v", err)
		return
	}
	now := time.Now()
	o := Options{Dir: dir, Now: func() time.Time { return now }, MaxModuleBytes: 4 << 20}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	old := put(t, s, wasmtest.Module(wasmtest.Padding(600<<10)))
	next := wasmtest.Module(wasmtest.Salt("next"), wasmtest.Padding(600<<10))
	_, err = s.Put(t.Context(), bytes.NewReader(next), "", Claim{})
	wantStoreFailed(t, err)
	if !errors.Is(err, syscall.ENOSPC) || len(s.Pressure()) != 1 {
		t.Errorf("error %v, %d signals of pressure", err, len(s.Pressure()))
	}
	restartOnFullDisk(t, o, old.SHA256)
	now = now.Add(time.Hour)
	if removed, err := s.Evict(func(string) bool { return false }); len(removed) != 1 || err != nil {
		t.Errorf("Evict = %v, %v", removed, err)
	}
	put(t, s, next)
}

// runWithFileSystem runs the test as a process that may mount.
func runWithFileSystem(t *testing.T, dir string) {
	t.Helper()
	cmd := child(t, dir)
	self := []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	group := []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: self, GidMappings: group}
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Logf("cannot start a process in namespaces of its own: %v", err)
		return
	}
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	t.Logf("%s", out)
}

// restartOnFullDisk opens the store on a disk on which not even a record can be
// written: a good module is kept.
func restartOnFullDisk(t *testing.T, o Options, sha string) {
	t.Helper()
	record := filepath.Join(o.Dir, "sha256", sha+recordSuffix)
	content, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(o.Dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := s.OpenFile(sha)
	if err != nil {
		t.Fatalf("a good module was removed: %v", err)
	}
	f.Close() //nolint:errcheck // only read
	if _, err := os.Stat(record); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record was written to a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
