// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

// shell is a Component that is a shell script, which is ready when it has written its first port to the file $READY.
func shell(e *Environment, text string) Component {
	flag := e.DataPath("ready")
	return Component{
		Name: "shell", Path: "/bin/sh", Ports: 1, Env: []string{"READY=" + flag},
		Args: func(ports []int) []string { return []string{"-c", text, "shell", strconv.Itoa(ports[0])} },
		Ready: func(_ context.Context, ports []int) error {
			content, err := os.ReadFile(flag)
			if err == nil && strings.TrimSpace(string(content)) != strconv.Itoa(ports[0]) {
				return errors.New("another port")
			}
			return err
		},
	}
}

const serve = `echo $1 > $READY; sleep 100 & wait`

// TestComponent has a component stop, come back at the port that it had, and end with the environment.
func TestComponent(t *testing.T) {
	e := environment(t, func(f *ComponentError) { t.Errorf("reported as dead: %v", f) })
	l, err := e.Launch(t.Context(), shell(e, serve))
	if err != nil {
		t.Fatal(err)
	}
	port, pid := l.Ports[0], l.PID()
	if err := l.Stop(); err != nil || l.Running() {
		t.Errorf("stopped: %v, running %t", err, l.Running())
	}
	if err := l.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.Ports[0] != port || l.PID() == pid || !l.Running() {
		t.Errorf("restarted at port %d as process %d, was at %d as %d", l.Ports[0], l.PID(), port, pid)
	}
	if err := l.Kill(); err != nil || l.Running() {
		t.Errorf("killed: %v, running %t", err, l.Running())
	}
	if err := l.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(); err != nil || l.Running() {
		t.Errorf("after the environment's stop: %v, running %t", err, l.Running())
	}
}

// TestComponentThatDies is told of, and can be started again.
func TestComponentThatDies(t *testing.T) {
	died := make(chan *ComponentError, 1)
	e := environment(t, func(f *ComponentError) { died <- f })
	l, err := e.Launch(t.Context(), shell(e, `echo $1 > $READY; until [ -e $READY.end ]; do sleep 0.05; done; echo last words; exit 3`))
	if err != nil {
		t.Fatal(err)
	}
	touch(t, e.DataPath("ready.end"))
	if f := <-died; f.Component != "shell" || !strings.Contains(f.Error(), "last words") {
		t.Errorf("reported: %v", f)
	}
	if err := e.Err(); err == nil || l.Running() {
		t.Errorf("the environment's error is %v, running %t", err, l.Running())
	}
	if err := l.Restart(t.Context()); err != nil {
		t.Errorf("restart: %v", err)
	}
}

func TestComponentThatDoesNotComeUp(t *testing.T) {
	e := environment(t, nil)
	_, err := e.Launch(t.Context(), shell(e, `echo not today; exit 1`))
	var failure *ComponentError
	if !errors.As(err, &failure) || failure.Component != "shell" || !strings.Contains(err.Error(), "not today") {
		t.Errorf("error %v", err)
	}
}
