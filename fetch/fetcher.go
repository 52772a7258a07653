// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/fairness"
)

// Defaults of Options.
const (
	DefaultMaxConcurrent = 8
	DefaultFetchTimeout  = 5 * time.Minute
	DefaultFillTimeout   = 30 * time.Second
	DefaultPeerTimeout   = 10 * time.Second
	DefaultResolveTTL    = 10 * time.Minute
)

const (
	// resolvesPerDownload is how many more resolutions than downloads run at once: they move little, and wait.
	resolvesPerDownload = 8
	// maxTasks bounds the requests and the downloads that run or wait, maxTasksOfOne those that one namespace started.
	maxTasks      = 4096
	maxTasksOfOne = maxTasks / 4
)

// Module is a module in the store, and where it came from.
type Module struct {
	module.Info
	// Reference is the immutable form of the source.
	Reference string
	// FetchedAt is when the module came into the store.
	FetchedAt time.Time
}

// Options are what a Fetcher works with.
type Options struct {
	// Store receives the modules. Required.
	Store *store.Store
	// Sources resolves requests. Required.
	Sources source.Resolver
	// Reader is the manager's cache with the index of IndexModules. Required by Fill.
	Reader client.Reader
	// Peers finds the other replicas; nil means that there are none.
	Peers peer.Find
	// Shared says which module a source gave to another replica, so that each is downloaded once for all; nil means that
	// this replica downloads for itself.
	Shared Shared
	// MaxConcurrent is how many modules are downloaded at once; one host and one namespace get at most half of it
	// each, so that a slow one does not hold up the others. 0 means DefaultMaxConcurrent.
	MaxConcurrent int
	// FetchTimeout bounds one resolution and one download each. 0 means DefaultFetchTimeout.
	FetchTimeout time.Duration
	// FillTimeout bounds one fill; what it has begun at a source goes on. 0 means DefaultFillTimeout.
	FillTimeout time.Duration
	// PeerTimeout bounds the transfer from one peer. 0 means DefaultPeerTimeout.
	PeerTimeout time.Duration
	// ResolveTTL is how long a resolution, and with it a withdrawn permission, is valid. 0 means DefaultResolveTTL.
	ResolveTTL time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Shared is what the replicas know of sources together, by source.Resolved.Key. A *peer.Shared is one.
type Shared interface {
	// Claim returns the sha256 of the module that a source gave to another replica, and waits a while for one that
	// downloads it. With "" the caller is to download it and to call Settle.
	Claim(ctx context.Context, source string) (sha256 string)
	// Settle ends a claim with the sha256 that the source gave, "" for none.
	Settle(ctx context.Context, source, sha256 string)
}

func (o Options) withDefaults() Options {
	o.MaxConcurrent = cmp.Or(max(o.MaxConcurrent, 0), DefaultMaxConcurrent)
	o.FetchTimeout = cmp.Or(max(o.FetchTimeout, 0), DefaultFetchTimeout)
	o.FillTimeout = cmp.Or(max(o.FillTimeout, 0), DefaultFillTimeout)
	o.PeerTimeout = cmp.Or(max(o.PeerTimeout, 0), DefaultPeerTimeout)
	o.ResolveTTL = cmp.Or(max(o.ResolveTTL, 0), DefaultResolveTTL)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Fetcher brings modules into its store. Its methods may be called concurrently.
type Fetcher struct {
	o           Options
	owner       *owner
	requests    *tasks[ask]
	downloads   *tasks[string] // by the key of what was resolved
	fills       *tasks[string] // by sha256
	resolving   *fairness.Limiter
	downloading *fairness.Limiter
	memory      *memory
	peers       *peer.Client
	metrics     *metrics

	filling          *fairness.Shares // by the namespaces that reference a module, "" for none
	unreferencedRate *rate.Limiter
}

// New makes a Fetcher. All that it does in the background ends with Stop.
func New(o Options) *Fetcher {
	o = o.withDefaults()
	owner := newOwner()
	f := &Fetcher{
		o:                o,
		owner:            owner,
		requests:         newTasks[ask](owner, maxTasks, maxTasksOfOne),
		downloads:        newTasks[string](owner, maxTasks, maxTasksOfOne),
		fills:            newTasks[string](owner, maxFills, maxFills),
		resolving:        fairness.NewLimiter(resolvesPerDownload * o.MaxConcurrent),
		downloading:      fairness.NewLimiter(o.MaxConcurrent),
		memory:           newMemory(o.Now),
		peers:            peer.NewClient(o.Peers),
		filling:          fairness.NewShares(maxFillsOfOne),
		unreferencedRate: rate.NewLimiter(unreferencedRate, unreferencedBurst),
	}
	f.metrics = newMetrics(f)
	f.fills.ended = f.filled
	return f
}

// Stop cancels the tasks and waits for them. From then on what is not in the store is v1alpha1.ReasonUnavailable.
func (f *Fetcher) Stop() { f.owner.stop() }

// Lookup returns the module of that sha256 if the store has it.
func (f *Fetcher) Lookup(sha256 string) (module.Info, bool) { return f.o.Store.Lookup(sha256) }
