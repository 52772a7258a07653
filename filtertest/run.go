// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/internal/text"
)

// Options go before what a test file says.
type Options struct {
	// Module is how the report names what is tested.
	Module string
	// Configuration of the plugin, nil for that of the file.
	Configuration []byte
	// RootID of the plugin, "" for that of the file.
	RootID string
	// Env are environment variables besides those of the file.
	Env [][2]string
}

// Run runs the cases of the file, each in a VM of its own. The error is that of ctx, which ends them early.
func (f *File) Run(ctx context.Context, m *host.Module, o Options) (Suite, error) {
	suite := Suite{File: f.Path, Module: o.Module, Notes: f.Notes}
	for _, p := range f.cases {
		begun := time.Now()
		r := &runner{file: f, plan: p, result: Result{Name: p.name}}
		r.run(ctx, m, o)
		if err := ctx.Err(); err != nil {
			return suite, err
		}
		r.result.Passed, r.result.Seconds = len(r.result.Failures) == 0, time.Since(begun).Seconds()
		if r.result.Passed {
			r.result.Log, r.result.Notes = nil, nil
		}
		suite.Cases = append(suite.Cases, r.result)
	}
	return suite, nil
}

// runner runs a case.
type runner struct {
	file   *File
	plan   *plan
	result Result

	vm     *host.VM
	stream *host.Stream
	lines  []string // of the log of the present step
	bytes  int      // of these
	answer string   // the step in which the filter answered or reset the stream
	broken bool     // the virtual machine failed
}

// run starts the filter, passes the messages through it, and ends it.
func (r *runner) run(ctx context.Context, m *host.Module, o Options) {
	f := r.file
	vm, err := m.Start(ctx, host.VMConfig{
		ID: "test", Env: append(f.variables[:len(f.variables):len(f.variables)], o.Env...),
		Proxy: host.Proxy{Log: r.log, LogLevel: f.level, Now: func() time.Time { return f.clock }},
	})
	if err != nil {
		r.failf("plugin_init", "%s", err)
		return
	}
	defer func() { _ = vm.Close(ctx) }()
	r.vm = vm
	r.through(ctx, f.config(o))
	for _, used := range vm.Unmodelled() {
		r.result.Notes = append(r.result.Notes, fmt.Sprintf(
			"the filter uses the %s %s, which a proxy may have and this host does not", used.Use, text.OneLine(used.Name)))
	}
}

// config is how the plugin is configured.
func (f *File) config(o Options) host.PluginConfig {
	config := host.PluginConfig{Name: "test", RootID: f.rootID, Configuration: f.configuration}
	if o.RootID != "" {
		config.RootID = o.RootID
	}
	if o.Configuration != nil {
		config.Configuration = o.Configuration
	}
	return config
}

// through starts the plugin, runs the steps of the stream, and closes both.
func (r *runner) through(ctx context.Context, config host.PluginConfig) {
	r.lines, r.bytes = nil, 0 // those of _initialize are of no step
	plugin, err := r.vm.Plugin(ctx, config)
	r.check("plugin_init", r.plan.init, err)
	if err != nil {
		return
	}
	r.stream, err = plugin.Stream(ctx, host.StreamConfig{Attributes: r.plan.attributes})
	r.check("stream_init", r.plan.created, err)
	last := "stream_init"
	for _, s := range r.plan.steps {
		if r.broken {
			return
		}
		if r.step(ctx, s) {
			last = s.name
		}
	}
	if r.broken {
		return
	}
	r.checkHeld(last)
	r.check("stream_destroy", r.plan.destroyed, r.stream.Close(ctx))
	if err := plugin.Close(ctx); err != nil && !r.broken {
		r.failf("plugin_destroy", "%s", err)
	}
}

// log keeps a line of the present step, if it has the level that the file names.
func (r *runner) log(line host.Line) {
	if line.Level < r.file.level {
		return
	}
	if len(r.result.Log) < shownLines {
		r.result.Log = append(r.result.Log, line.Level.String()+": "+text.OneLine(text.Truncate(line.Message, shownValue)))
	}
	if len(r.lines) >= maxLines || r.bytes+len(line.Message) > maxLineBytes {
		return
	}
	r.lines, r.bytes = append(r.lines, line.Message), r.bytes+len(line.Message)
}

// failf adds a failure of a step.
func (r *runner) failf(step, format string, args ...any) {
	if len(r.result.Failures) < shownFailures {
		r.result.Failures = append(r.result.Failures, step+": "+text.OneLine(fmt.Sprintf(format, args...)))
	}
}

// check ends a step that is a callback alone: its error, and its logs.
func (r *runner) check(name string, want *expected, err error) {
	if err != nil {
		r.broken = true
		r.failf(name, "%s", err)
		if refused := (*host.RefusedError)(nil); errors.As(err, &refused) && len(r.lines) > 0 {
			r.failf(name, "its log: %s", quoted(strings.Join(r.lines, "; ")))
		}
	}
	r.checkLog(name, want)
}

// step passes headers or a body to the filter, and compares what it did. It returns false if the stream does not come to it.
func (r *runner) step(ctx context.Context, s *step) bool {
	if !r.reached(s) {
		return false
	}
	message := r.stream.Request()
	if s.response {
		message = r.stream.Response()
	}
	before := len(message.Body)
	if err := r.pass(ctx, s); err != nil {
		r.broken = true
		r.failf(s.name, "%s", err)
		return true
	}
	r.observe(s, message.Body[min(before, len(message.Body)):])
	return true
}

// reached reports whether the stream comes to a step: not after the filter's own response, nor while it holds headers.
func (r *runner) reached(s *step) bool {
	request, response := r.stream.Request().Headers, r.stream.Response().Headers
	because := ""
	switch {
	case r.answer != "":
		because = "it ended in " + r.answer
	case request == nil && s.name != "request_headers":
		because = "the filter holds the request's headers, and what follows them waits"
	case response == nil && s.response && s.headers == nil:
		because = "the filter holds the response's headers, and what follows them waits"
	}
	if because != "" && !s.expected.empty() {
		r.failf(s.name, "the stream does not come to this step: %s", because)
	}
	return because == ""
}

// pass passes what comes to the filter.
func (r *runner) pass(ctx context.Context, s *step) error {
	if s.headers != nil {
		if s.response {
			return r.stream.ResponseHeaders(ctx, s.headers, s.end)
		}
		return r.stream.RequestHeaders(ctx, s.headers, s.end)
	}
	for i, part := range s.parts {
		end := s.end && i == len(s.parts)-1
		var err error
		if s.response {
			err = r.stream.ResponseBody(ctx, part, end)
		} else {
			err = r.stream.RequestBody(ctx, part, end)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
