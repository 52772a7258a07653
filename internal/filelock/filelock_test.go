// SPDX-License-Identifier: Apache-2.0

package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOneAtATime(t *testing.T) {
	for name, path := range map[string]string{
		"file":      filepath.Join(t.TempDir(), "made", "on", "demand.lock"),
		"directory": t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) { testOneAtATime(t, path) })
	}
}

func testOneAtATime(t *testing.T, path string) {
	release, err := Acquire(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	wantHeld(t, path, true)
	if _, ok, err := TryAcquire(path); ok || err != nil {
		t.Errorf("a second lock was got: %v, %v", ok, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a lock that is not released: %v", err)
	}
	release()
	wantHeld(t, path, false)
	if release, ok, err := TryAcquire(path); !ok || err != nil {
		t.Errorf("the released lock cannot be got: %v, %v", ok, err)
	} else {
		release()
	}
}

func TestAcquireWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Acquire(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	released := time.AfterFunc(50*time.Millisecond, release)
	defer released.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	second, err := Acquire(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	second()
}

func TestHeldMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "lock")
	wantHeld(t, path, false)
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking for a lock made its directory")
	}
}

func wantHeld(t *testing.T, path string, want bool) {
	t.Helper()
	if held, err := Held(path); err != nil || held != want {
		t.Errorf("Held: %v, %v, want %v", held, err, want)
	}
}
