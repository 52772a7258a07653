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

// Siblings returns the base URLs of the other replicas' module servers, such as
// "http://10.0.0.7:8081".
type Siblings func(ctx context.Context) ([]string, error)

// Options are what a Filler works with.
type Options struct {
	// Store receives the modules. Required.
	Store *store.Store
	// Fetcher asks the sources. Required.
	Fetcher Ensurer
	// Reader is the manager's cache, with the index of IndexModules. Required.
	Reader client.Reader
	// Siblings finds the other replicas; nil means that there are none.
	Siblings Siblings
	// SiblingTimeout bounds the transfer from one replica. 0 means 10 s.
	SiblingTimeout time.Duration
}

// Filler brings modules into the store. Its methods may be called concurrently.
type Filler struct {
	o       Options
	replica *replica
	strange *rate.Limiter
}

// New makes a Filler.
func New(o Options) *Filler {
	if o.SiblingTimeout <= 0 {
		o.SiblingTimeout = 10 * time.Second
	}
	return &Filler{o: o, replica: newReplica(o.Store, o.SiblingTimeout), strange: rate.NewLimiter(strangeRate, strangeBurst)}
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
	if f.fromSibling(ctx, sha256) {
		return nil
	}
	if len(found) == 0 {
		return failure.Terminalf(v1alpha1.ReasonNotFound, "nobody names module %s", sha256)
	}
	return f.fromSource(ctx, found, sha256)
}

// fromSibling asks one replica after the other. That none has it is no error: the
// source remains.
func (f *Filler) fromSibling(ctx context.Context, sha256 string) bool {
	if f.o.Siblings == nil {
		return false
	}
	logger := log.FromContext(ctx).WithValues("sha256", sha256)
	urls, err := f.o.Siblings(ctx)
	if err != nil {
		logger.Error(err, "cannot find the other replicas; asking the source")
		return false
	}
	for _, url := range urls[:min(len(urls), maxSiblings)] {
		err := f.replica.copy(ctx, url, sha256)
		if err == nil {
			logger.Info("took a module from another replica", "replica", url)
			return true
		}
		if !errors.Is(err, errLacking) {
			logger.Info("another replica could not give a module", "replica", url, "error", err.Error())
		}
	}
	return false
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
