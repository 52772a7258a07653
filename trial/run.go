// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/render"
)

// Run tries a module in this process, which it takes 20 times the module's size of memory, and more if the module is made
// for that. It ends soon after ctx, but not while the module is compiled. Limits that are zero are those of package host.
func Run(ctx context.Context, wasm []byte, s render.Settings, limits host.Limits) Result {
	a := &attempt{settings: s, limits: limits, log: newCollector(s.Env)}
	err := a.run(ctx, wasm)
	r := a.result(err)
	r.Log, r.Named = a.log.lines(), a.vm != nil && a.vm.UsedNames()
	r.Idle, r.Broken = a.idle && r.Verdict() == Passed, a.broken != "" && r.Verdict() == Passed
	return r
}

// attempt is one trial.
type attempt struct {
	settings render.Settings
	limits   host.Limits
	log      *collector
	vm       *host.VM
	stream   *host.Stream // nil until there is one
	awaits   bool         // the filter asked for ticks, and none has come

	// What became of the request.
	answered uint32 // the status of a response in place of the upstream's, 0 for none
	broken   string // why that is Envoy's own, "" if it is the filter's
	reset    bool
	held     bool // the filter did not let it pass
	idle     bool // nor did it do anything else, though it had read its rootID
}

// run takes the module as far as it comes.
func (a *attempt) run(ctx context.Context, wasm []byte) error {
	m, err := host.Compile(ctx, wasm, host.Interpreter)
	if err != nil {
		return err
	}
	defer m.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it is not used again
	proxy := host.Proxy{Log: a.log.add, LogLevel: host.LevelWarn}
	a.vm, err = m.Start(ctx, host.VMConfig{ID: a.settings.VMID, Env: a.settings.Env, Limits: a.limits, Proxy: proxy})
	if err != nil {
		return err
	}
	defer a.vm.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the same
	plugin, err := a.vm.Plugin(ctx, host.PluginConfig{
		Name: a.settings.Plugin, RootID: a.settings.RootID, Configuration: []byte(a.settings.Configuration),
	})
	if err != nil {
		return err
	}
	stream, err := plugin.Stream(ctx, host.StreamConfig{})
	if err != nil {
		return &noContext{err}
	}
	a.stream, a.awaits = stream, plugin.TickPeriod() > 0
	return a.request(ctx, plugin, stream)
}

// noContext is a failure to make a context for a request.
type noContext struct{ error }

// Unwrap returns the failure.
func (e *noContext) Unwrap() error { return e.error }

var (
	requestHeaders = host.Headers{
		{":authority", "trial.example"}, {":path", "/"}, {":method", "GET"}, {":scheme", "http"},
		{"user-agent", "autowasm-trial"}, {"accept", "*/*"}, {"x-forwarded-proto", "http"},
		{"x-request-id", "00000000-0000-4000-8000-000000000000"},
	}
	responseHeaders = host.Headers{{":status", "200"}, {"content-type", "text/plain"}, {"content-length", "3"}}
	responseBody    = []byte("ok\n")
)

// request takes a request and the response to it through the filter.
func (a *attempt) request(ctx context.Context, plugin *host.Plugin, s *host.Stream) error {
	steps := []func() error{
		func() error { return s.RequestHeaders(ctx, requestHeaders, true) },
		func() error { return a.resume(ctx, plugin, s) },
		func() error { return a.respond(ctx, s) },
		func() error { return a.resume(ctx, plugin, s) },
		func() error { a.note(s); return s.Close(ctx) },
		func() error { a.idle = a.vm.UsedRootID() && !s.Attended(); return nil },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// respond is the upstream, which has an answer to a request that reaches it.
func (a *attempt) respond(ctx context.Context, s *host.Stream) error {
	if !s.Request().Complete {
		return nil
	}
	if err := s.ResponseHeaders(ctx, responseHeaders, false); err != nil {
		return err
	}
	return s.ResponseBody(ctx, responseBody, true)
}

// maxTicks is how many ticks a filter has to go on with what it holds back.
const maxTicks = 3

// resume has the clock of a filter go on that holds something back.
func (a *attempt) resume(ctx context.Context, plugin *host.Plugin, s *host.Stream) error {
	for range maxTicks {
		request, response := s.Paused()
		if !request && !response || plugin.TickPeriod() == 0 {
			return nil
		}
		a.awaits = false
		if err := plugin.Tick(ctx); err != nil {
			return err
		}
	}
	return nil
}

// note keeps what has become of the request.
func (a *attempt) note(s *host.Stream) {
	if local := s.Local(); local != nil {
		a.answered = local.Code
		if local.Refused() {
			a.broken = cmp.Or(string(local.Body), "there is no :path")
		}
	}
	_, a.reset = s.Reset()
	a.held = a.answered == 0 && !a.reset && !s.Response().Complete
}

// result says what an end means: err is how the module failed, nil if it did not.
func (a *attempt) result(err error) Result {
	failed := a.failure(err)
	depends, doubts := a.dependsOn(), a.doubts()
	switch {
	case err == nil && a.held && depends == "":
		return ended("the filter holds a GET of / back for longer than a trial waits")
	case err == nil && a.held:
		return Result{Reason: v1alpha1.ReasonDependsOnProxy, Message: "it starts with this configuration, and holds a GET of / back: that depends on " + depends}
	case err == nil:
		return Result{Reason: v1alpha1.ReasonTrialPassed, Message: a.passed(a.untried())}
	case failed.Verdict() == Refused && doubts != "":
		failed.Reason, failed.Message = v1alpha1.ReasonDependsOnProxy, text.Truncate(failed.Message, maxMessage/2)+"; "+doubts
	}
	return failed
}

// passed says how a module passed.
func (a *attempt) passed(depends string) string {
	words := "it starts with this configuration, and lets a GET of / pass"
	switch {
	case a.broken != "":
		words = fmt.Sprintf("it starts, and has Envoy answer a GET of / with %d: %s", a.answered, a.broken)
	case a.answered > 0:
		words = fmt.Sprintf("it starts with this configuration, and answers a GET of / with %d", a.answered)
	case a.reset:
		words = "it starts with this configuration, and resets the stream of a GET of /"
	}
	if a.idle {
		words += "; it does nothing with that, as a module in C++ does whose filters have other rootIDs"
	}
	if depends != "" {
		words += "; not tried: " + depends
	}
	return words
}

// failure is the result of a failure of which nothing else is to blame.
func (a *attempt) failure(err error) Result {
	var refused *host.RefusedError
	var trap *host.TrapError
	var without *noContext
	var limit *host.LimitError
	switch {
	case errors.As(err, &limit) && limit.Limit == host.LimitMemory:
		return ended(limit.Callback + " failed, and it asked for more memory than a trial has")
	case errors.As(err, &refused):
		return Result{Reason: v1alpha1.ReasonStartRefused, Callback: refused.Callback, Message: refused.Error()}
	case errors.As(err, &trap) && errors.As(err, &without):
		return Result{Reason: v1alpha1.ReasonNoHTTPContext, Callback: trap.Callback, Message: "it has no HTTP context: " + trap.Error()}
	case errors.As(err, &trap):
		return Result{Reason: v1alpha1.ReasonModuleTraps, Callback: trap.Callback, Message: trap.Error()}
	case err != nil:
		return ended(err.Error())
	}
	return Result{}
}
