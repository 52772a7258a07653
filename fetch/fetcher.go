package fetch

import (
	"context"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

// Defaults of Options.
const (
	DefaultMaxConcurrent = 8
	DefaultFetchTimeout  = 5 * time.Minute
	DefaultResolveTTL    = 10 * time.Minute
)

// Module is a module in the store, and where it came from.
type Module struct {
	// SHA256 of the module's bytes, 64 lower-case hex digits.
	SHA256 string
	// Size in bytes.
	Size int64
	// ABI is the Proxy-Wasm ABI version, such as "0.2.1".
	ABI string
	// Reference is the immutable form of the source.
	Reference string
	// FetchedAt is when the module came into the store.
	FetchedAt time.Time
}

// Options are what a Fetcher works with.
type Options struct {
	// Store receives the modules. Required.
	Store *store.Store
	// Sources resolves requests. Required. If it has a method
	// Fingerprint(ctx, source.Request) (string, error), requests with a pull secret
	// can be answered from memory too.
	Sources source.Resolver
	// MaxConcurrent is how many modules are downloaded at once; one host and one
	// namespace get at most half of it each, so that a slow one does not hold up the
	// others. 0 means DefaultMaxConcurrent.
	MaxConcurrent int
	// FetchTimeout bounds one resolution and one download each. 0 means
	// DefaultFetchTimeout.
	FetchTimeout time.Duration
	// ResolveTTL is how long a resolution is answered from memory, and so how long
	// a withdrawn permission may go unnoticed. 0 means DefaultResolveTTL.
	ResolveTTL time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Fetcher resolves and fetches modules. Its methods may be called concurrently.
type Fetcher struct {
	o         Options
	memory    *memory
	requests  *flights[ask]
	downloads *flights[string]
	resolving *gate
	fetching  *gate
	patience  *patience
	metrics   *metrics
	owner     *owner
}

// New makes a Fetcher. Its background work is bounded from the start, and owned
// by Start.
func New(o Options) *Fetcher {
	o = o.withDefaults()
	owner := newOwner()
	f := &Fetcher{
		o:         o,
		memory:    newMemory(o.ResolveTTL),
		requests:  newFlights[ask](owner),
		downloads: newFlights[string](owner),
		resolving: newGate(resolvesPerDownload * o.MaxConcurrent),
		fetching:  newGate(o.MaxConcurrent),
		patience:  newPatience(),
		owner:     owner,
	}
	f.metrics = newMetrics(f)
	return f
}

// resolvesPerDownload is how many more resolutions than downloads run at once: they
// move little and mostly wait.
const resolvesPerDownload = 8

func (o Options) withDefaults() Options {
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = DefaultMaxConcurrent
	}
	if o.FetchTimeout <= 0 {
		o.FetchTimeout = DefaultFetchTimeout
	}
	if o.ResolveTTL <= 0 {
		o.ResolveTTL = DefaultResolveTTL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Ensure returns the module of a request once it is in the store.
//
// A request that names an image by digest, or a tag with the policy IfNotPresent,
// is answered from memory when it was resolved with the same credentials less than
// ResolveTTL ago. Everything else asks the source first, and downloads only what
// this source has not given before.
//
// Errors are *failure.Error. When ctx ends first the error is v1alpha1.ReasonPending: the
// fetch goes on in the background, and who asks again joins it. Failures are not
// remembered: a further call tries again, save within the time that a host
// asked to be left alone, which is v1alpha1.ReasonRateLimited at once.
func (f *Fetcher) Ensure(ctx context.Context, r source.Request) (Module, error) {
	id, err := f.identify(ctx, r)
	if err != nil {
		return Module{}, err
	}
	if m, ok := f.remembered(id); ok {
		return m, nil
	}
	a := ask{identity: id, tenant: r.Namespace}
	flight, _, err := f.requests.board(ctx, a, a.starter(), func(ctx context.Context) (Module, error) {
		return f.resolveAndFetch(ctx, a, r)
	})
	if err != nil {
		return Module{}, err
	}
	if flight.wait(ctx) {
		return flight.module, flight.err
	}
	return Module{}, failure.Transientf(v1alpha1.ReasonPending, "the module of %s is not here yet and is being fetched in the background: %w", id, context.Cause(ctx))
}

// remembered answers from memory if it may and the store still has the module.
func (f *Fetcher) remembered(id identity) (Module, bool) {
	if !id.memorable {
		return Module{}, false
	}
	m, ok := f.memory.get(id, f.o.Now())
	if !ok {
		return Module{}, false
	}
	_, ok = f.o.Store.Use(m.SHA256)
	return m, ok
}

// Lookup returns the module of that sha256 if the store has it.
func (f *Fetcher) Lookup(sha256 string) (module.Info, bool) {
	return f.o.Store.Lookup(sha256)
}
