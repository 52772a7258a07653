// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestEnter has a part started by a thread that is somewhere else, here in another directory, while this process stays
// where it is.
func TestEnter(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(Command{
		Name: "part", Path: "/bin/sh", Args: []string{"-c", "pwd -P; exec sleep 100"},
		Enter: func() error {
			return errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chdir("/"))
		},
	}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = p.WaitReady(t.Context(), Timeout, func(context.Context) error {
		lines, err := Tail(p.Log, 1)
		if err == nil && len(lines) == 0 {
			err = errors.New("it has said nothing")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	lines, err := Tail(p.Log, 1)
	if diff := cmp.Diff([]string{"/"}, lines); err != nil || diff != "" {
		t.Errorf("it runs in (-want +got) %s, %v", diff, err)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("this process is in %s, %v, was in %s", after, err, before)
	}
	if err := p.Kill(); err != nil || p.Running() {
		t.Errorf("%v, running: %t", err, p.Running())
	}
}

func TestEnterThatFails(t *testing.T) {
	refused := errors.New("refused")
	p, err := Start(Command{Name: "part", Path: "/bin/sh", Enter: func() error { return refused }}, t.TempDir(), nil)
	if !errors.Is(err, refused) {
		t.Errorf("%v, error: %v", p, err)
	}
}
