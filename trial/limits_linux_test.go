//go:build !race

// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestAChildHasNothingOfItsParent: no variable, no file but its pipes, the module and what Go's runtime opens, and limits from before that is read.
func TestAChildHasNothingOfItsParent(t *testing.T) {
	t.Setenv("SECRET", "s3cret")
	trials, f := newTrials(t, Options{Memory: 256 << 20})
	task := trials.Begin(f.add(t, "loops", wasmtest.Module(onConfigure(forever...))))
	dir := filepath.Join("/proc", childOf(t))
	if environ, err := os.ReadFile(filepath.Join(dir, "environ")); err != nil || len(environ) > 0 {
		t.Errorf("its variables are %q, %v", environ, err)
	}
	links, err := filepath.Glob(filepath.Join(dir, "fd", "*"))
	if err != nil || len(links) < 4 {
		t.Fatalf("its files are %v, %v", links, err)
	}
	known := regexp.MustCompile(`^pipe:|^anon_inode:|/loops$|^/sys/fs/cgroup/.*/cpu\.`)
	for _, link := range links {
		if file, err := os.Readlink(link); err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && !known.MatchString(file) {
			t.Errorf("file %s is %s, %v", filepath.Base(link), file, err)
		}
	}
	if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err != nil || cwd != "/" {
		t.Errorf("it works in %s, %v", cwd, err)
	}
	trials.Stop()
	<-task.Done()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was not waited for: %v", err)
	}
}

// childOf returns the process of the trial that runs, once its limits are in force.
func childOf(t *testing.T) string {
	t.Helper()
	want := regexp.MustCompile(fmt.Sprintf(`(?s)Max cpu time +22 .*Max file size +0 .*Max data size +[0-9]+ .*Max core file size +0 .*Max open files +%d `, maxFiles))
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		for _, list := range lists {
			pids, _ := os.ReadFile(list)
			for pid := range strings.FieldsSeq(string(pids)) {
				if limits, err := os.ReadFile(filepath.Join("/proc", pid, "limits")); err == nil && want.Match(limits) {
					return pid
				}
			}
		}
	}
	t.Fatal("there is no process with the limits of a trial")
	return ""
}

// allocate has this program be one that allocates memory within the limits of a trial.
const allocate = "allocate"

func init() { children[allocate] = allocateWithin }

// allocateWithin allocates so many MiB at once, with the limits of a trial of 256 MiB.
func allocateWithin(mebibytes string) {
	if err := limitProcess(job{Data: 256 << 20, Time: time.Minute}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	n, _ := strconv.Atoi(mebibytes)
	memory := make([]byte, n<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	runtime.KeepAlive(memory)
}

// TestNoAllocationIsTooLarge for the limit of memory: what is within it is there, and what is beyond ends the process, at once or
// bit by bit.
func TestNoAllocationIsTooLarge(t *testing.T) {
	t.Parallel()
	for mebibytes, fits := range map[int]bool{64: true, 100: true, 256 + MaxOvershoot>>20: false, 1024: false} {
		out, err := exec.CommandContext(t.Context(), thisProgram(), allocate, strconv.Itoa(mebibytes)).CombinedOutput()
		if (err == nil) != fits || !fits && !strings.Contains(string(out), "out of memory") && !strings.Contains(string(out), "cannot allocate memory") {
			t.Errorf("%d MiB: %v, %.200s", mebibytes, err, out)
		}
	}
}

// idle and busy have this program do nothing for a second, or compute until its time is over, and print why that is.
const idle, busy = "idle", "busy"

func init() {
	children[idle] = func(limit string) { printCause(limit, func(context.Context) { time.Sleep(time.Second) }) }
	children[busy] = func(limit string) {
		printCause(limit, func(ctx context.Context) {
			for ctx.Err() == nil {
			}
		})
	}
}

func printCause(limit string, work func(context.Context)) {
	bound, _ := time.ParseDuration(limit)
	ctx, stop := job{Time: bound}.timed(context.Background())
	work(ctx)
	fmt.Println(context.Cause(ctx))
	stop()
}

// TestTimeOfTheProcessor: a process that waits for a processor, or for anything else, has its time left, until it has waited for
// too long.
func TestTimeOfTheProcessor(t *testing.T) {
	t.Parallel()
	if got := causeIn(t, idle, "500ms"); got != "<nil>" {
		t.Errorf("an idle process is ended: %s", got)
	}
	const want = "it took more than 500ms of processor time"
	got := causeIn(t, busy, "500ms")
	for range 5 { // on a busy machine it may wait for too long
		if got == want {
			return
		}
		got = causeIn(t, busy, "500ms")
	}
	t.Errorf("a busy process is ended: %s, want %s", got, want)
}

// causeIn is why the time of another process is over, <nil> if it is not.
func causeIn(t *testing.T, what, limit string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), thisProgram(), what, limit).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
