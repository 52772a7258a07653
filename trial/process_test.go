//go:build !race

// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// The race detector takes more memory that can be written than a trial may have: what starts processes is not built with it.

// TestTrials makes trials in processes. What is known is not tried again, and what depends on more is.
func TestTrials(t *testing.T) {
	t.Parallel()
	trials, f := newTrials(t, Options{})
	good := f.add(t, "good", example(t, "rust"))
	good.Settings.Configuration = "crab"
	bad := good
	bad.Settings.Configuration = "no\tvalue"
	for _, tt := range []struct {
		r      Request
		want   string
		opened int
	}{
		{good, "TrialPassed: it starts with this configuration, and lets a GET of / pass", 1},
		{good, "TrialPassed: it starts with this configuration, and lets a GET of / pass", 1},
		{bad, `StartRefused: proxy_on_configure returned false; it logged "the configuration is no value of a header: \"no\\tvalue\""`, 2},
		{bad, `StartRefused: proxy_on_configure returned false; it logged "the configuration is no value of a header: \"no\\tvalue\""`, 2},
	} {
		result := mustTry(t, trials, tt.r)
		if got := fmt.Sprintf("%s: %s", result.Reason, result); got != tt.want || f.opened != tt.opened {
			t.Errorf("%s after %d trials, want %s after %d", got, f.opened, tt.want, tt.opened)
		}
	}
}

// TestHostileModules: whatever a module does to its process, this one goes on, and knows how that ended.
func TestHostileModules(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wasm []byte
		want string
	}{
		"it loops":          {wasmtest.Module(onConfigure(forever...)), "proxy_on_configure was ended: it took "},
		"it takes memory":   {wasmtest.Module(wasmtest.DeepStack()), "it took more memory than "},
		"it is no module":   {[]byte("\x00asm"), "not a WebAssembly module"},
		"it is larger":      {make([]byte, 33<<20), "its process ended, exit status 1 a module of 34603008 bytes is not tried"},
		"it says too much":  {talkative(t), "TrialPassed"},
		"it grows its file": {wasmtest.Module(wasmtest.Padding(1 << 20)), "TrialPassed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Memory: 256 << 20}
			if name == "it loops" {
				o.Time = time.Second
			}
			trials, f := newTrials(t, o)
			result := mustTry(t, trials, f.add(t, "hostile", tt.wasm))
			if got := fmt.Sprintf("%s: %s", result.Reason, result); !strings.Contains(got, tt.want) || len(got) > 4096 {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if result.Verdict() == Refused {
				t.Errorf("that is no verdict about the module: %+v", result)
			}
		})
	}
}

// talkative logs a thousand lines of zeros at its start.
func talkative(t *testing.T) []byte {
	t.Helper()
	var code []byte
	for range 1000 {
		code = append(code, 0x41, 4, 0x41, 0, 0x41, 0x80, 4, 0x10, 0, 0x1a) // proxy_log(error, 0, 512), drop
	}
	return wasmtest.Module(onConfigure(append(code, yes...)...))
}

// TestAChildThatDies, or writes what is no result, is no verdict.
func TestAChildThatDies(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{
		"/bin/false":   "its process ended, exit status 1",
		"/bin/true":    "its process wrote no result",
		"/not/there":   "its process ended, fork/exec /not/there: no such file or directory",
		"/usr/bin/yes": "it took longer than",
	} {
		o := Options{Program: program}
		if program == "/usr/bin/yes" { // which does not end
			o.Time = (200*time.Millisecond - killAfter) / patience
		}
		trials, f := newTrials(t, o)
		result := mustTry(t, trials, f.add(t, "module", wasmtest.Module()))
		if result.Reason != v1alpha1.ReasonTrialEnded || !strings.Contains(result.Message, want) {
			t.Errorf("%s: %+v, want %s", program, result, want)
		}
	}
}

// TestOutputIsBounded: of what a process writes, no more is kept than the limit, and the process is not blocked.
func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	output := &bounded{limit: maxOutput}
	command := exec.CommandContext(t.Context(), "/usr/bin/head", "-c", "1000000", "/dev/zero")
	command.Stdout = output
	if err := command.Run(); err != nil || len(output.kept) != maxOutput {
		t.Errorf("%d bytes are kept of 1000000, want %d; %v", len(output.kept), maxOutput, err)
	}
}

// TestStop ends what runs and what waits, and lets nothing begin.
func TestStop(t *testing.T) {
	t.Parallel()
	trials, f := newTrials(t, Options{})
	loops := f.add(t, "loops", wasmtest.Module(onConfigure(forever...)))
	task := trials.Begin(loops)
	began := time.Now()
	trials.Stop()
	<-task.Done()
	if took := time.Since(began); took > 5*time.Second || trials.Begin(loops) != nil && trials.Begin(numbered("a", 1, 1)) != nil {
		t.Errorf("stopped after %s, with more to begin", took)
	}
}
