// SPDX-License-Identifier: Apache-2.0

package hostproxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/internal/sleep"
)

const (
	// pausePoll is how often a request whose filter paused is checked.
	pausePoll = 5 * time.Millisecond
	// tickPoll is how often a filter that wants no ticks is asked whether it wants some.
	tickPoll = 100 * time.Millisecond
	// vmID is the vm_id of each filter.
	vmID = "v1"
	// pluginName is the attribute plugin_name.
	pluginName = "filter"
)

// Options say how a filter runs.
type Options struct {
	Wasm          []byte
	Configuration []byte
	RootID        string
	Env           [][2]string
	// LogLevel is the lowest of the lines that Log gets.
	LogLevel host.LogLevel
	// Log gets each line of the filter, and those about what is behind it. It is called by one goroutine at a time.
	Log func(host.Line)
	// Next answers what passed the filter.
	Next http.Handler
	// PauseTimeout is how long a filter may hold a message back, after which the client gets 504.
	PauseTimeout time.Duration
}

// Filter is a filter before a handler.
type Filter struct {
	options Options
	module  *host.Module
	stop    context.CancelFunc
	ctx     context.Context // ends with Close
	ticks   sync.WaitGroup
	uses    sync.RWMutex // held for reading by requests

	mu     sync.Mutex // guards the virtual machine: it is for one goroutine at a time
	vm     *host.VM
	plugin *host.Plugin
	failed error // why the plugin does not run, such as that it refused its configuration
}

// New compiles and starts a filter. Each filter that it returns has to be closed. That it does not start is no error, but
// what Failure returns: requests get 503.
func New(ctx context.Context, o Options) (*Filter, error) {
	module, err := host.Compile(ctx, o.Wasm, host.Interpreter)
	if err != nil {
		return nil, err
	}
	f := &Filter{options: o, module: module}
	f.ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	_ = f.restart() // which Failure returns
	f.ticks.Go(f.tick)
	return f, nil
}

// restart starts the filter in a virtual machine of its own. The caller has the lock, or is the only one.
func (f *Filter) restart() (err error) {
	f.end()
	defer func() { f.failed = err }()
	proxy := host.Proxy{LogLevel: f.options.LogLevel, HasCluster: func(string) bool { return false }, Log: f.log}
	f.vm, err = f.module.Start(f.ctx, host.VMConfig{ID: vmID, Env: f.options.Env, Proxy: proxy})
	if err != nil {
		return err
	}
	f.plugin, err = f.vm.Plugin(f.ctx, host.PluginConfig{
		Name: pluginName, RootID: f.options.RootID, Configuration: f.options.Configuration,
	})
	return err
}

func (f *Filter) log(line host.Line) {
	if line.Level >= f.options.LogLevel {
		f.options.Log(line)
	}
}

// note has a line of the proxy itself in the log.
func (f *Filter) note(message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log(host.Line{Level: host.LevelError, Message: message})
}

// end ends the virtual machine, if there is one.
func (f *Filter) end() {
	if f.vm != nil {
		_ = f.vm.Close(context.WithoutCancel(f.ctx))
	}
	f.vm, f.plugin = nil, nil
}

// Failure starts the filter if it does not run, as after a trap, and returns why it cannot.
func (f *Filter) Failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready()
}

func (f *Filter) ready() error {
	if f.vm != nil && f.vm.Failed() == nil {
		return f.failed
	}
	return f.restart()
}

// runs is whether there is something to call.
func (f *Filter) runs() bool { return f.vm != nil && f.vm.Failed() == nil && f.failed == nil }

// tick calls the filter as often as it wants to be called.
func (f *Filter) tick() {
	for {
		f.mu.Lock()
		period := time.Duration(0)
		if f.runs() {
			period = f.plugin.TickPeriod()
		}
		f.mu.Unlock()
		if period <= 0 {
			if sleep.For(f.ctx, tickPoll) != nil {
				return
			}
			continue
		}
		if sleep.For(f.ctx, period) != nil {
			return
		}
		f.mu.Lock()
		if f.runs() {
			_ = f.plugin.Tick(f.ctx) // a trap is what the next request finds
		}
		f.mu.Unlock()
	}
}

// Close ends the filter, once the requests that are in it have been answered: those that wait for it get 503.
func (f *Filter) Close() {
	f.stop()
	f.ticks.Wait()
	f.uses.Lock()
	defer f.uses.Unlock()
	f.end()
	_ = f.module.Close(context.Background())
}

// call does something with the virtual machine.
func (f *Filter) call(do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	return do()
}

// errHeld is that the filter held a message back for too long.
var errHeld = errors.New("the filter holds the message back")

// until waits until passed, which is called with the lock, returns true.
func (f *Filter) until(ctx context.Context, passed func() bool) error {
	limited, cancel := context.WithTimeout(ctx, f.options.PauseTimeout)
	defer cancel()
	for {
		done := false
		if err := f.call(func() error { done = passed(); return nil }); err != nil || done {
			return err
		}
		if sleep.For(limited, pausePoll) != nil {
			return errHeld
		}
	}
}
