// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/process"
)

// environment is one without parts, in which scripts are launched as such.
func environment(t *testing.T, onFailure func(*ComponentError)) *Environment {
	t.Helper()
	e := &Environment{Dir: t.TempDir(), options: Options{Log: testLog{t}, OnFailure: onFailure}}
	if err := e.makeDirs(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Stop() })
	return e
}

// script is a component that is a shell script, which is ready when it has made the file $READY.
func script(e *Environment, text string) component {
	flag := e.data("ready")
	return component{
		name: "script", ports: 1, timeout: Timeout,
		command: func(ports []int) process.Command {
			return process.Command{
				Name: "script", Path: "/bin/sh", Args: []string{"-c", text},
				Env: []string{"READY=" + flag, fmt.Sprintf("PORT=%d", ports[0])},
			}
		},
		ready: func(context.Context, []int) error {
			_, err := os.Stat(flag)
			return err
		},
	}
}

func TestLaunchAndStop(t *testing.T) {
	e := environment(t, func(f *ComponentError) { t.Errorf("reported as dead: %v", f) })
	p, _, err := e.launch(context.Background(), script(e, `touch $READY; sleep 100 & wait`))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
	if err := Poll(t.Context(), func(context.Context) error { return groupLeft(p.PID()) }); err != nil {
		t.Errorf("a child of the part is left: %v", err)
	}
	if err := e.Err(); err != nil {
		t.Error(err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// groupLeft is an error as long as a process of the group is there, if only until its new parent has noticed its end.
func groupLeft(group int) error {
	if err := syscall.Kill(-group, 0); !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal to process group %d: %v", group, err)
	}
	return nil
}

func TestDeathIsReportedOnce(t *testing.T) {
	failures := make(chan *ComponentError, 2)
	e := environment(t, func(f *ComponentError) { failures <- f })
	p, _, err := e.launch(context.Background(), script(e, `touch $READY; until [ -e $READY.end ]; do sleep 0.05; done; echo last words; exit 3`))
	if err != nil {
		t.Fatal(err)
	}
	touch(t, e.data("ready.end"))
	select {
	case f := <-failures:
		want := "script died: exit status 3; its log " + p.Log + " ends:\n  last words"
		if f.Error() != want {
			t.Errorf("reported:\n%s\nwant:\n%s", f, want)
		}
	case <-time.After(Timeout):
		t.Fatal("the death was not reported")
	}
	p.Watch() // as for one that ends while it becomes ready
	if len(failures) > 0 {
		t.Error("the death was reported twice")
	}
	if err := e.Err(); err == nil || strings.Count(err.Error(), "exit status 3") != 1 {
		t.Errorf("Err: %v", err)
	}
}

func TestComponentThatEndsEarly(t *testing.T) {
	e := environment(t, func(f *ComponentError) { t.Errorf("reported as dead: %v", f) })
	_, _, err := e.launch(context.Background(), script(e, `echo bad flag; exit 1`))
	var failure *ComponentError
	if !errors.As(err, &failure) || failure.Component != "script" || !strings.Contains(err.Error(), "bad flag") {
		t.Errorf("error: %v", err)
	}
}

func TestComponentThatIsNeverReady(t *testing.T) {
	e := environment(t, nil)
	c := script(e, `echo thinking; touch $READY.not; sleep 100`)
	c.timeout = 300 * time.Millisecond
	ready := c.ready
	c.ready = func(ctx context.Context, ports []int) error { // the time is not over before the script has begun
		if err := Poll(t.Context(), func(context.Context) error { _, err := os.Stat(e.data("ready.not")); return err }); err != nil {
			return err
		}
		return ready(ctx, ports)
	}
	_, _, err := e.launch(context.Background(), c)
	for _, want := range []string{"script did not come up", "not within 300ms", "no such file", "thinking"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if got := len(e.pids()); got != 0 {
		t.Errorf("%d processes are left", got)
	}
}

func TestCanceledLaunch(t *testing.T) {
	e := environment(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer time.AfterFunc(100*time.Millisecond, cancel).Stop()
	began := time.Now()
	if _, _, err := e.launch(ctx, script(e, `sleep 100`)); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if took := time.Since(began); took > 50*time.Second { // the script sleeps for twice as long
		t.Errorf("it took %s", took)
	}
}

func TestMissingProgram(t *testing.T) {
	e := environment(t, nil)
	c := script(e, "")
	c.command = func([]int) process.Command { return process.Command{Name: "script", Path: "/does/not/exist"} }
	if _, _, err := e.launch(context.Background(), c); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error: %v", err)
	}
}

// TestTakenPort has the part find its port taken at first. What an earlier part of that name said does not count.
func TestTakenPort(t *testing.T) {
	const takenTwice = `echo $PORT >>$READY.ports
		if [ $(wc -l <$READY.ports) -le 2 ]; then echo "listen: address already in use"; exit 1; fi
		touch $READY; sleep 100`
	e := environment(t, nil)
	_, ports, err := e.launch(context.Background(), script(e, takenTwice))
	if err != nil {
		t.Fatal(err)
	}
	tried, err := os.ReadFile(e.data("ready.ports"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Fields(string(tried)); len(lines) != 3 || lines[2] != fmt.Sprint(ports[0]) || lines[0] == lines[2] {
		t.Errorf("ports tried: %v, used: %v", lines, ports)
	}
	os.Remove(e.data("ready"))
	_, _, err = e.launch(context.Background(), script(e, "exit 1"))
	if err == nil || errors.Is(err, process.ErrPortTaken) {
		t.Errorf("a part that ends silently: %v", err)
	}
}

func TestAlwaysTakenPort(t *testing.T) {
	e := environment(t, nil)
	_, _, err := e.launch(context.Background(), script(e, `echo x >>$READY.tries; echo "address already in use"; exit 1`))
	if !errors.Is(err, process.ErrPortTaken) {
		t.Errorf("error: %v", err)
	}
	if tries, err := os.ReadFile(e.data("ready.tries")); err != nil || strings.Count(string(tries), "x") != attempts {
		t.Errorf("tries: %q, %v, want %d", tries, err, attempts)
	}
}

func TestProcessThatDoesNotListen(t *testing.T) {
	e := environment(t, nil)
	p, _, err := e.launch(context.Background(), script(e, `trap "" TERM; touch $READY; while :; do sleep 0.1; done`))
	if err != nil {
		t.Fatal(err)
	}
	err = p.Stop(200 * time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "was killed") || p.Running() {
		t.Errorf("stop: %v, running: %t", err, p.Running())
	}
	if err := p.Stop(time.Second); err != nil {
		t.Errorf("stopping what has ended: %v", err)
	}
}
