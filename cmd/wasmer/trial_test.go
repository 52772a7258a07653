//go:build !race

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/trial"
)

// waf is a configuration of Coraza.
const waf = `{"default_directives":"default","directives_map":{"default":["SecRuleEngine On","SecRule REQUEST_URI \"@streq /admin\" \"id:101,phase:1,deny\""]}}`

// classes are modules to try, of 17 KB, 0.1, 2.6 and 24.5 MB: the path of each, and how it is configured.
var classes = []struct {
	name, path string
	settings   render.Settings
}{
	{"assemblyscript", "../../examples/add-header-assemblyscript/add-header.wasm", render.Settings{RootID: "add_header"}},
	{"rust", "../../examples/add-header-rust/add-header.wasm", render.Settings{}},
	{"go", "../../bin/filters/headers.wasm", render.Settings{Configuration: "a"}},
	{"coraza", "../../bin/filters/coraza.wasm", render.Settings{Configuration: waf}},
}

// newTestTrials tries files in processes of this program.
func newTestTrials(tb testing.TB) *trial.Trials {
	tb.Helper()
	trials := trial.New(trial.Options{Open: os.Open})
	tb.Cleanup(trials.Stop)
	return trials
}

// requestOf is the trial of the file of a class.
func requestOf(tb testing.TB, class int) trial.Request {
	tb.Helper()
	c := classes[class]
	file, err := os.Stat(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skip("make filters builds what is missing: ", c.path)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return trial.Request{Namespace: "bench", SHA256: c.path, Size: file.Size(), Settings: c.settings}
}

// numbered is a trial whose outcome is not known from another.
func numbered(r trial.Request, n int) trial.Request {
	r.Settings.HostEnv = []string{fmt.Sprint("N", n)}
	return r
}

func mustPass(tb testing.TB, task *trial.Task) {
	tb.Helper()
	if result, _ := task.Wait(tb.Context()); result.Verdict() != trial.Passed {
		tb.Fatalf("%+v", result)
	}
}

// TestTryAModule: this program tries a module when it is started for that.
func TestTryAModule(t *testing.T) {
	t.Parallel()
	trials := newTestTrials(t)
	for class := range 2 {
		mustPass(t, trials.Begin(requestOf(t, class)))
	}
}

// BenchmarkTrial tries modules of each class that were not tried before, and that were.
func BenchmarkTrial(b *testing.B) {
	for class, c := range classes {
		b.Run("cold/"+c.name, func(b *testing.B) {
			trials, r := newTestTrials(b), requestOf(b, class)
			n := 0
			for b.Loop() {
				n++
				mustPass(b, trials.Begin(numbered(r, n)))
			}
		})
		b.Run("cached/"+c.name, func(b *testing.B) {
			trials, r := newTestTrials(b), requestOf(b, class)
			mustPass(b, trials.Begin(r))
			for b.Loop() {
				mustPass(b, trials.Begin(r))
			}
		})
	}
}

// maxResident is what the processes of all trials have resident at most, beside the file of the program.
const maxResident = 512 << 20

// TestMemoryOfTrials: of what the process of a trial may write, 64 MiB stay untouched, so that a module that takes all that it can
// has that much less.
func TestMemoryOfTrials(t *testing.T) {
	const reserve = trial.DefaultMemory - maxResident
	path := filepath.Join(t.TempDir(), "hostile.wasm")
	if err := os.WriteFile(path, wasmtest.Module(wasmtest.DeepStack(), wasmtest.Padding(4<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	memory := int64(trial.MinMemory + 128<<20)
	trials := trial.New(trial.Options{Open: os.Open, Memory: memory})
	t.Cleanup(trials.Stop)
	task := trials.Begin(trial.Request{SHA256: path, Size: 4 << 20})
	got := most([]*trial.Task{task})
	if result := task.Result(); !strings.Contains(result.Message, "it took more memory than ") {
		t.Errorf("%+v", result)
	}
	if want := memory - reserve + trial.MaxOvershoot; got > want || got == 0 {
		t.Errorf("%d MiB were resident, want at most %d", got>>20, want>>20)
	}
}

// BenchmarkTrialsAtOnce makes a hundred trials of all classes side by side, some of which take all memory that they can, and
// reports the most that their processes had resident together, beside the file of the program.
func BenchmarkTrialsAtOnce(b *testing.B) {
	trials := newTestTrials(b)
	hostile := filepath.Join(b.TempDir(), "hostile.wasm")
	if err := os.WriteFile(hostile, wasmtest.Module(wasmtest.DeepStack(), wasmtest.Padding(25<<20)), 0o600); err != nil {
		b.Fatal(err)
	}
	peak, round := int64(0), 0
	for b.Loop() {
		round++
		var tasks []*trial.Task
		for n := range 100 {
			class := n % len(classes)
			if class == 3 && n%20 != 3 {
				class = 0 // of the largest, five
			}
			r := requestOf(b, class)
			if n%25 == 7 {
				r = trial.Request{SHA256: hostile, Size: 25 << 20}
			}
			r.Namespace = fmt.Sprint("team-", n%4)
			tasks = append(tasks, trials.Begin(numbered(r, 100*round+n)))
		}
		peak = max(peak, most(tasks))
	}
	b.ReportMetric(float64(peak)/(1<<20), "MiB")
	if peak > maxResident {
		b.Errorf("%d MiB were resident at once, want at most %d", peak>>20, maxResident>>20)
	}
}

// most waits for trials, and returns the most memory that processes of this one had meanwhile.
func most(tasks []*trial.Task) (bytes int64) {
	for _, task := range tasks {
		for running := true; running; {
			select {
			case <-task.Done():
				running = false
			case <-time.After(5 * time.Millisecond):
				bytes = max(bytes, residentChildren())
			}
		}
	}
	return bytes
}

// rssAnon is what of a process is in memory and is not that of a file, which all share.
var rssAnon = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`)

// residentChildren is how much memory the trials of this process have resident, each for itself. A child that is about to become
// one still has the memory of this process.
func residentChildren() (bytes int64) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		for pid := range strings.FieldsSeq(string(pids)) {
			if arguments, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline")); !strings.Contains(string(arguments), trial.Argument) {
				continue
			}
			status, _ := os.ReadFile(filepath.Join("/proc", pid, "status"))
			if match := rssAnon.FindSubmatch(status); match != nil {
				kilobytes, _ := strconv.ParseInt(string(match[1]), 10, 64)
				bytes += kilobytes << 10
			}
		}
	}
	return bytes
}
