package controller

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/tools/events"

	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/render"
)

// Fetcher brings modules from their sources into this replica's store. A
// *fetch.Fetcher is one.
type Fetcher interface {
	// Ensure returns the module of a request once it is in the store, or a
	// *failure.Error.
	Ensure(ctx context.Context, r source.Request) (fetch.Module, error)
	// Lookup returns the module of a sha256 if it is in the store.
	Lookup(sha256 string) (module.Info, bool)
}

// Filler brings a module that is known by its sha256 into this replica's store,
// from another replica or from its source.
type Filler interface {
	// Fill returns when the module is in the store, or with a *failure.Error.
	Fill(ctx context.Context, sha256 string) error
}

// Defaults of Options.
const (
	DefaultSweepGrace  = 5 * time.Second
	DefaultFetchWait   = 2 * time.Second
	DefaultFillTimeout = 2 * time.Minute
	DefaultWorkers     = 4

	DefaultProxyInterval = 30 * time.Second
	DefaultProxyWorkers  = 8
)

// ProxyOptions say how the proxies are asked what they run. All of the cluster's Pods
// must be in the manager's cache.
type ProxyOptions struct {
	// Asker asks the proxies. Required.
	Asker ProxyAsker
	// Sightings tell who asked for a module. Required.
	Sightings Sightings
	// Refusals tell what proxies refused; nil leaves it to what they say themselves.
	Refusals Refusals
	// Interval is how often the proxies of an AutoWasm are asked when all is well. 0
	// means DefaultProxyInterval.
	Interval time.Duration
	// Workers is how many AutoWasms' proxies are looked at at once. 0 means
	// DefaultProxyWorkers.
	Workers int
}

// Options are what the controllers work with.
type Options struct {
	// Fetcher resolves and fetches modules. Required.
	Fetcher Fetcher
	// Filler brings modules that the store has lost; nil leaves it to Fetcher.
	Filler Filler
	// Render says where the proxies load modules from. Required.
	Render render.Options
	// Preflight tells what in the cluster keeps a filter from running, for the status;
	// nil tells nothing. Its Reader is the manager's cache.
	Preflight *preflight.Loader
	// SweepGrace is how long a staged EnvoyFilter without an AutoWasm is left,
	// counted from when this process first saw it. 0 means DefaultSweepGrace.
	SweepGrace time.Duration
	// FetchWait is how long a worker waits for a fetch before it leaves it to the
	// background. 0 means DefaultFetchWait.
	FetchWait time.Duration
	// FillTimeout bounds one fill. 0 means DefaultFillTimeout.
	FillTimeout time.Duration
	// Proxies says how the proxies are asked what they run; nil asks none, and then
	// the status says nothing of them.
	Proxies *ProxyOptions
	// OwnNamespace is the server's namespace, in which an AutoWasm may not select the
	// server itself; "" when there is none.
	OwnNamespace string
	// RootNamespace is Istio's root namespace, whose EnvoyFilters every proxy of the
	// mesh takes; "" when there is none.
	RootNamespace string
	// Workers is how many AutoWasms are reconciled at once. 0 means
	// DefaultWorkers.
	Workers int
	// Events receives the Events; nil means the manager's recorder.
	Events events.EventRecorder
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	o.SweepGrace = orDefault(o.SweepGrace, DefaultSweepGrace)
	o.FetchWait = orDefault(o.FetchWait, DefaultFetchWait)
	o.FillTimeout = orDefault(o.FillTimeout, DefaultFillTimeout)
	o.Workers = orDefault(o.Workers, DefaultWorkers)
	o.Proxies = o.Proxies.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o *ProxyOptions) withDefaults() *ProxyOptions {
	if o == nil {
		return nil
	}
	filled := *o
	filled.Interval = orDefault(filled.Interval, DefaultProxyInterval)
	filled.Workers = orDefault(filled.Workers, DefaultProxyWorkers)
	return &filled
}

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

func (o Options) check() error {
	if o.Fetcher == nil {
		return errors.New("set up the controllers: Options.Fetcher is not set")
	}
	if o.Render.Cluster == "" || o.Render.BaseURL == "" {
		return errors.New("set up the controllers: Options.Render is not set")
	}
	if o.Proxies != nil && (o.Proxies.Asker == nil || o.Proxies.Sightings == nil) {
		return errors.New("set up the controllers: Options.Proxies lacks its Asker or its Sightings")
	}
	return nil
}
