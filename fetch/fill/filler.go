package fill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

// How often other replicas are asked for modules that this one has never heard
// of, in modules per second and at once. Anybody may ask us for anything.
const (
	strangeRate  = 10
	strangeBurst = 50
)

// Ensurer fetches the module of a request; a *fetch.Fetcher is one.
type Ensurer interface {
	Ensure(ctx context.Context, r source.Request) (fetch.Module, error)
}

// Options are what a Filler works with.
type Options struct {
	// Store receives the modules. Required.
	Store *store.Store
	// Fetcher asks the sources. Required.
	Fetcher Ensurer
	// Reader is the manager's cache, with the index of IndexModules. Required.
	Reader client.Reader
	// Peers finds the other replicas; nil means that there are none.
	Peers peer.Find
	// PeerTimeout bounds the transfer from one peer. 0 means 10 s.
	PeerTimeout time.Duration
}

// Filler brings modules into the store. Its methods may be called concurrently.
type Filler struct {
	o       Options
	peers   *peer.Client
	strange *rate.Limiter
}

// New makes a Filler.
func New(o Options) *Filler {
	if o.PeerTimeout <= 0 {
		o.PeerTimeout = 10 * time.Second
	}
	return &Filler{o: o, peers: peer.NewClient(o.Peers), strange: rate.NewLimiter(strangeRate, strangeBurst)}
}

// Fill brings the module of that sha256 into the store, unless it is there, and
// returns when it is. Errors are *failure.Error: NotFound when nobody names the
// module and no other replica has it, and otherwise what the sources say.
func (f *Filler) Fill(ctx context.Context, sha256 string) error {
	if _, ok := f.o.Store.Lookup(sha256); ok {
		return nil
	}
	found, err := requests(ctx, f.o.Reader, sha256)
	if err != nil {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%w", err)
	}
	if len(found) == 0 && !f.strange.Allow() {
		return failure.Transientf(v1alpha1.ReasonRateLimited, "too many modules are asked for that nobody names, such as %s", sha256)
	}
	if f.fromPeer(ctx, sha256) {
		return nil
	}
	if len(found) == 0 {
		return failure.Terminalf(v1alpha1.ReasonNotFound, "nobody names module %s", sha256)
	}
	return f.fromSource(ctx, found, sha256)
}

// fromPeer asks one peer after the other. That none has it is no error: the source
// remains.
func (f *Filler) fromPeer(ctx context.Context, sha256 string) bool {
	logger := log.FromContext(ctx).WithValues("sha256", sha256)
	urls, err := f.peers.Peers(ctx)
	if err != nil {
		logger.Error(err, "Cannot find the peers, asking the source")
		return false
	}
	for _, url := range urls {
		err := f.copy(ctx, url, sha256)
		if err == nil {
			logger.Info("Copied a module from a peer", "peer", url)
			return true
		}
		if !errors.Is(err, peer.ErrNotFound) {
			logger.Info("Cannot copy a module from a peer", "peer", url, "err", err.Error())
		}
	}
	return false
}

// copy streams a module from a peer into the store, which checks its hash.
func (f *Filler) copy(ctx context.Context, url, sha256 string) error {
	ctx, cancel := context.WithTimeout(ctx, f.o.PeerTimeout)
	defer cancel()
	body, err := f.peers.Module(ctx, url, sha256)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	_, err = f.o.Store.Put(ctx, body, sha256)
	return err
}

// fromSource asks the sources of those who name the module until one gives it.
func (f *Filler) fromSource(ctx context.Context, found []source.Request, sha256 string) error {
	var worst *failure.Error
	for _, r := range found {
		err := f.ensure(ctx, r, sha256)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("as AutoWasm %s/%s asks: %w", r.Namespace, r.Name, err)
		if worst == nil || (worst.Terminal && !failure.Of(err).Terminal) {
			worst = failure.Of(failure.Wrapf(err, "bring module %s", sha256))
		}
	}
	return worst
}

func (f *Filler) ensure(ctx context.Context, r source.Request, sha256 string) error {
	m, err := f.o.Fetcher.Ensure(ctx, r)
	if err != nil {
		return err
	}
	if m.SHA256 != sha256 {
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s now holds module %s", m.Reference, m.SHA256)
	}
	return nil
}
