// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/internal/filelock"
)

var environment = Environment(Options{})

func TestStateIsReadAsItWasWritten(t *testing.T) {
	dir := Dir(t.TempDir())
	got, err := dir.readState()
	if diff := cmp.Diff(state{}, got); err != nil || diff != "" {
		t.Errorf("of no file: %v, %s", err, diff)
	}
	want := state{PID: 7, Since: time.Unix(1, 0).UTC(), Phase: ready, Failures: []string{"a\n  b"}}
	if err := dir.writeState(want); err != nil {
		t.Fatal(err)
	}
	got, err = dir.readState()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

func TestBrokenStateIsAnError(t *testing.T) {
	dir := Dir(t.TempDir())
	write(t, dir.state(), "{")
	if s, err := dir.readState(); err == nil {
		t.Errorf("read as %+v", s)
	}
}

// running makes a directory look as if a supervisor ran in it.
func running(t *testing.T, s state) Dir {
	t.Helper()
	dir := Dir(t.TempDir())
	if err := dir.writeState(s); err != nil {
		t.Fatal(err)
	}
	if err := env.WriteVariables(dir.variables(), []env.Variable{
		{Name: "REGISTRY", Value: "127.0.0.1:5000"}, {Name: "PRIVATE_REGISTRY_PASSWORD", Value: "secret"}, {Name: "WASMER_URL"},
	}); err != nil {
		t.Fatal(err)
	}
	release, err := filelock.Acquire(context.Background(), dir.lock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return dir
}

func TestStatus(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const endpoints = "  REGISTRY  127.0.0.1:5000\n  logs      DIR/log\nTo use it: . DIR/env\n"
	for name, tc := range map[string]struct {
		state state
		want  string
		err   error
	}{
		"starting": {
			state{PID: 7, Since: since, Phase: starting},
			"The environment is starting (process 7, since 03:04:05).\n", nil,
		},
		"ready": {
			state{PID: 7, Since: since, Phase: ready},
			"The environment is ready (process 7, since 03:04:05).\n" + endpoints, nil,
		},
		"a part has died": {
			state{PID: 7, Since: since, Phase: ready, Failures: []string{"etcd died: signal: killed"}},
			"The environment is ready (process 7, since 03:04:05).\n" + endpoints + "etcd died: signal: killed\n", ErrUnhealthy,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := running(t, tc.state)
			var out bytes.Buffer
			if err := environment.Status(dir, &out); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(tc.want, "DIR", string(dir)), out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUpOfWhatIsUp(t *testing.T) {
	for name, tc := range map[string]struct {
		failures []string
		err      error
	}{
		"whole":           {nil, nil},
		"a part has died": {[]string{"etcd died"}, ErrUnhealthy},
	} {
		t.Run(name, func(t *testing.T) {
			dir := running(t, state{Phase: ready, Failures: tc.failures})
			var out bytes.Buffer
			if err := environment.Up(context.Background(), dir, nil, &out); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if !strings.HasPrefix(out.String(), "The environment is already up.\n") {
				t.Errorf("it says %q", out.String())
			}
		})
	}
}

func TestDownOfNothing(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "absent"))
	var out bytes.Buffer
	if err := environment.Down(context.Background(), dir, &out); err != nil || out.String() != "The environment is down.\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}

// TestDownAfterACrash is of a supervisor that was killed: it left its files, and nobody has its lock.
func TestDownAfterACrash(t *testing.T) {
	dir := Dir(t.TempDir())
	if err := dir.writeState(state{PID: os.Getpid(), Since: time.Now(), Phase: ready, Failures: []string{"etcd died"}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir.log(), dir.variables(), dir.kubeconfig(), dir.lock(), filepath.Join(dir.data(), "x")} {
		write(t, path, "last words\n")
	}
	var out bytes.Buffer
	if err := environment.Down(context.Background(), dir, &out); err != nil { // it does not kill the process that has the id now
		t.Fatal(err)
	}
	for _, want := range []string{"has ended by itself", "etcd died", "last words", "The environment is down."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says %q, want %q in it", out.String(), want)
		}
	}
	left, err := filepath.Glob(filepath.Join(string(dir), "*"))
	if diff := cmp.Diff([]string{dir.logs()}, left); err != nil || diff != "" {
		t.Errorf("left: %v, %s", err, diff)
	}
}

func TestOneUpOrDownAtATime(t *testing.T) {
	dir := Dir(t.TempDir())
	release, err := environment.exclusive(context.Background(), dir, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	if err := environment.Down(ctx, dir, &out); err == nil || !strings.HasPrefix(out.String(), "Waiting for another") {
		t.Errorf("%v, %q", err, out.String())
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
