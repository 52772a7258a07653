// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/render"
)

// TestRun tries modules that work, that cannot, and that may.
func TestRun(t *testing.T) {
	const works = "it starts with this configuration, and lets a GET of / pass"
	name := wasmtest.Section(11, append([]byte{1, 0, 0x41, 0xc0, 0, 0x0b, 12}, "plugin_vm_id"...)) // data at 64
	fromHost := render.Settings{HostEnv: []string{"POD_NAME"}}
	for name, tt := range map[string]struct {
		wasm     []byte
		settings render.Settings
		want     Result
	}{
		"does nothing":     {wasmtest.Module(), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"ABI 0.1.0":        {wasmtest.Module(wasmtest.ABI("0.1.0")), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"Rust":             {example(t, "rust"), render.Settings{Configuration: "crab"}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"AssemblyScript":   {example(t, "assemblyscript"), render.Settings{RootID: "add_header", Configuration: "a"}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"without a config": {example(t, "assemblyscript"), render.Settings{RootID: "add_header"}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"C++":              {example(t, "cpp"), render.Settings{RootID: "hello", Configuration: "a"}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"C++, another rootID": {example(t, "cpp"), render.Settings{RootID: "another"}, Result{Reason: v1alpha1.ReasonTrialPassed, Idle: true,
			Message: works + "; it does nothing with that, as a module in C++ does whose filters have other rootIDs"}},
		"traps at start":    {wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i")), render.Settings{}, Result{Reason: v1alpha1.ReasonModuleTraps, Callback: "proxy_on_vm_start", Message: "proxy_on_vm_start trapped: unreachable in $3"}},
		"refuses to start":  {wasmtest.Module(wasmtest.Function("proxy_on_vm_start", "ii:i", no...)), render.Settings{}, Result{Reason: v1alpha1.ReasonStartRefused, Callback: "proxy_on_vm_start", Message: "proxy_on_vm_start returned false"}},
		"refuses config":    {wasmtest.Module(onConfigure(no...)), render.Settings{}, Result{Reason: v1alpha1.ReasonStartRefused, Callback: "proxy_on_configure", Message: "proxy_on_configure returned false"}},
		"takes config":      {wasmtest.Module(onConfigure(yes...)), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"traps on requests": {wasmtest.Module(onRequest(trap...)), render.Settings{}, Result{Reason: v1alpha1.ReasonModuleTraps, Callback: "proxy_on_request_headers", Message: "proxy_on_request_headers trapped: unreachable in $3"}},
		"leaves no status": {wasmtest.Module(wasmtest.RemoveStatus()), render.Settings{},
			Result{Reason: v1alpha1.ReasonTrialPassed, Broken: true,
				Message: "it starts, and has Envoy answer a GET of / with 502: missing required header: :status"}},
		"on many headers": {wasmtest.Module(wasmtest.TrapOnHeaders(40)), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"no HTTP context": {contextless(), render.Settings{}, Result{Reason: v1alpha1.ReasonNoHTTPContext, Callback: "proxy_on_context_create", Message: "it has no HTTP context: proxy_on_context_create trapped: unreachable in $3"}},
		"holds back":      {wasmtest.Module(onRequest(yes...)), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialEnded, Message: "the trial came to no end: the filter holds a GET of / back for longer than a trial waits"}},
		"loops":           {wasmtest.Module(onConfigure(forever...)), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialEnded, Message: "the trial came to no end: proxy_on_configure reached the limit of time of the host"}},
		"asks the proxy":  {asking(yes...), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works + "; not tried: property "}},
		"asks for data": {wasmtest.Module(wasmtest.Import("env", "proxy_get_shared_data", "iiiii:i"), name,
			onConfigure(0x41, 0xc0, 0, 0x41, 12, 0x41, 0, 0x41, 4, 0x41, 8, 0x10, 1)), // it is not found: 1
			render.Settings{}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works}},
		"asks for its name": {wasmtest.Module(wasmtest.Import("env", "proxy_get_property", "iiii:i"), name,
			onConfigure(0x41, 0xc0, 0, 0x41, 12, 0x41, 0, 0x41, 8, 0x10, 1, 0x45)), // proxy_get_property(64, 12, 0, 8) == 0
			render.Settings{VMID: "v"}, Result{Reason: v1alpha1.ReasonTrialPassed, Message: works, Named: true}},
		"fails of the proxy": {asking(no...), render.Settings{}, Result{Reason: v1alpha1.ReasonDependsOnProxy, Callback: "proxy_on_configure",
			Message: "proxy_on_configure returned false; that may come of property "}},
		"fails without a variable": {wasmtest.Module(onConfigure(no...)), fromHost, Result{Reason: v1alpha1.ReasonDependsOnProxy, Callback: "proxy_on_configure",
			Message: "proxy_on_configure returned false; that may come of the proxy's variable POD_NAME"}},
		"an imported table": {wasmtest.Module(wasmtest.ImportTable("env", "t")), render.Settings{}, Result{Reason: v1alpha1.ReasonTrialEnded,
			Message: "the trial came to no end: this host does not support an imported table"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := host.Limits{}
			if name == "loops" {
				limits.CallTime = 50 * time.Millisecond
			}
			if diff := cmp.Diff(tt.want, Run(t.Context(), tt.wasm, tt.settings, limits)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLimitsAreNoVerdict: Envoy gives a module more memory than a trial does, and a mistake of the host says nothing of it.
func TestLimitsAreNoVerdict(t *testing.T) {
	grow := []byte{0x41, 0x80, 0x08, 0x40, 0, 0x41, 0x7f, 0x47} // memory.grow(1024) != -1
	limits := job{Data: 112 << 20, Time: DefaultTime}.limits()
	r := Run(t.Context(), wasmtest.Module(onConfigure(grow...)), render.Settings{}, limits)
	if want := "proxy_on_configure failed, and it asked for more memory than a trial has"; r.Reason != v1alpha1.ReasonTrialEnded || !strings.HasSuffix(r.Message, want) {
		t.Errorf("%s: %s, want %s", r.Reason, r.Message, want)
	}
	a := &attempt{}
	if r := a.result(errors.Join(&host.InternalError{Callback: "proxy_on_configure", Reason: "r"})); r.Verdict() != Undecided {
		t.Errorf("%s: %s", r.Reason, r.Message)
	}
}

// TestOwnWords: what a module says of its failure is in the result, and in the condition, quoted.
func TestOwnWords(t *testing.T) {
	for name, tt := range map[string]struct {
		language string
		settings render.Settings
		want     string
	}{
		"a configuration that Rust refuses": {"rust", render.Settings{Configuration: "a\x1b[31m"},
			`proxy_on_configure returned false; it logged "the configuration is no value of a header: \"a\\u{1b}[31m\""`},
		"a value of a variable": {"rust", render.Settings{Configuration: "s3cret\n", Env: [][2]string{{"PASSWORD", "s3cret"}}},
			`proxy_on_configure returned false; it logged "the configuration is no value of a header: \"…\\n\""`},
		"a configuration that C++ refuses":           {"cpp", render.Settings{RootID: "hello"}, `proxy_on_configure returned false; it logged "there is no greeting, 1 filters know one"`},
		"a configuration that has C++ abort":         {"cpp", render.Settings{RootID: "hello", Configuration: "abort"}, `proxy_on_configure trapped: unreachable in abort < filters::Hello::giveUp < `},
		"a rootID that AssemblyScript does not know": {"assemblyscript", render.Settings{RootID: "wrong"}, `proxy_on_context_create trapped: `},
	} {
		t.Run(name, func(t *testing.T) {
			c := Run(t.Context(), example(t, tt.language), tt.settings, host.Limits{}).Condition()
			if c.Status != metav1.ConditionFalse || !strings.HasPrefix(c.Message, tt.want) {
				t.Errorf("%s %s: %s, want %s", c.Status, c.Reason, c.Message, tt.want)
			}
		})
	}
}

// TestLog keeps what a module says of its failure, whoever has it written, in so many lines of such a length.
func TestLog(t *testing.T) {
	c := newCollector(nil)
	write := func(level host.LogLevel, parts ...string) {
		for _, part := range parts {
			line, ended := strings.CutSuffix(part, "\n")
			c.add(host.Line{Level: level, Message: line, Partial: !ended})
		}
	}
	write(host.LevelInfo, "not of interest\n")
	for i := range 10 {
		write(host.LevelWarn, strings.Repeat(string(rune('a'+i)), 1000*i)+"\n", "\n")
	}
	write(host.LevelError, "panic: ", "no ", "header", "\n", "\n", "goroutine 1", " [", "running]", ":\n", "main.main()\n")
	var got []string
	for _, line := range c.lines() {
		got = append(got, line[:min(3, len(line))])
		if len(line) > maxLine {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if diff := cmp.Diff([]string{"bbb", "ccc", "ddd", "eee", "hhh", "iii", "jjj", "pan"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if last := c.lines()[7]; last != "panic: no header" {
		t.Errorf("the last line is %q", last)
	}
}
