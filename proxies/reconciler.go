// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/internal/fairness"
	"github.com/autowasm/autowasm/internal/fairworkers"
	"github.com/autowasm/autowasm/internal/istio"
)

// Name is that of the controller, in logs and metrics.
const Name = "autowasm-proxies"

// Defaults of Options.
const (
	DefaultInterval             = 30 * time.Second
	DefaultWorkers              = 16
	DefaultMaxConcurrentScrapes = 64
)

// Scraper scrapes proxies. A *StatsScraper is one.
type Scraper interface {
	// Scrape returns what the proxy at an IP address runs, as it was at most maxAge ago.
	Scrape(ctx context.Context, ip string, maxAge time.Duration) (Report, error)
}

// Accesses reports which addresses have requested a module from any replica's module server. A *peer.Accesses is one.
type Accesses interface {
	// Collect returns who requested a module, by IP address; with an error, as far as replicas have answered.
	Collect(ctx context.Context, sha256 string) (map[string]peer.Access, error)
}

// SyncStatus reports why proxies rejected the listeners that they were last sent. An *Istiod is one.
type SyncStatus interface {
	// Rejections returns each proxy that is known, as "<namespace>/<pod>", and why; "" when it rejected nothing.
	Rejections(ctx context.Context) (map[string]string, error)
}

// Options are what a Reconciler works with.
type Options struct {
	// Scraper scrapes the proxies. Required.
	Scraper Scraper
	// Accesses reports who requested a module. Required.
	Accesses Accesses
	// SyncStatus reports what proxies rejected; nil leaves it to their own statistics.
	SyncStatus SyncStatus
	// RootNamespace is Istio's, whose EnvoyFilters every proxy of the mesh takes; "" when there is none.
	RootNamespace string
	// Interval is how often the proxies of an AutoWasm are scraped when all is well. 0 means DefaultInterval.
	Interval time.Duration
	// Workers is how many AutoWasms are reconciled at once, at most half of them of one namespace. 0 means
	// DefaultWorkers.
	Workers int
	// MaxConcurrentScrapes is how many proxies are scraped at once, in all; at most half of them for the AutoWasms of
	// one namespace, and at most half in one namespace. 0 means DefaultMaxConcurrentScrapes.
	MaxConcurrentScrapes int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	o.Workers = cmp.Or(o.Workers, DefaultWorkers)
	o.MaxConcurrentScrapes = cmp.Or(o.MaxConcurrentScrapes, DefaultMaxConcurrentScrapes)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Reconciler scrapes the proxies of each AutoWasm whose EnvoyFilter is in force, and keeps a Snapshot. It writes
// nothing to the cluster.
type Reconciler struct {
	o        Options
	cache    client.Reader
	scraping *fairness.Limiter
	onChange func(types.NamespacedName)
	// histories are shared: what one AutoWasm's scrape showed of a proxy is what another's filter begins with.
	histories *histories

	mu      sync.Mutex
	records map[types.NamespacedName]*record // each is replaced by its AutoWasm's reconcile, of which one runs at a time
}

// NewReconciler makes a Reconciler. The cache must hold AutoWasms, EnvoyFilters with managedFields, and trimmed Pods.
func NewReconciler(cache client.Reader, o Options) *Reconciler {
	o = o.withDefaults()
	return &Reconciler{
		o: o, cache: cache,
		scraping: fairness.NewLimiter(o.MaxConcurrentScrapes),
		onChange: func(types.NamespacedName) {}, histories: newHistories(o.Now),
		records: map[types.NamespacedName]*record{},
	}
}

// OnChange has f called with each AutoWasm whose Snapshot has changed, or whose proxies should load the module again.
// f must not block. It is set before the Reconciler runs.
func (r *Reconciler) OnChange(f func(types.NamespacedName)) { r.onChange = f }

// SetupWithManager adds the controller to mgr, on the leader.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	fair := fairworkers.New(r, r.o.Workers)
	err := ctrl.NewControllerManagedBy(mgr).
		Named(Name).
		For(&v1alpha1.AutoWasm{}).
		Watches(istio.NewEnvoyFilter(), &handler.EnqueueRequestForObject{}). // it has its AutoWasm's name
		WatchesRawSource(fair).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.o.Workers}).
		Complete(fair)
	if err != nil {
		return fmt.Errorf("set up the reconciler of proxies: %w", err)
	}
	return nil
}

// Reconcile implements reconcile.Reconciler; the request names an AutoWasm, whose proxies are scraped when that is due.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	t, exists, err := r.target(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	known := r.follow(req.NamespacedName, t, exists)
	if known == nil {
		return reconcile.Result{}, nil
	}
	if wait := known.next.Sub(r.o.Now()); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	return r.scrape(ctx, known)
}

// target reads from the cache what the proxies of an AutoWasm should run, nil for nothing, and whether it exists.
func (r *Reconciler) target(ctx context.Context, key types.NamespacedName) (t *target, exists bool, err error) {
	var aw v1alpha1.AutoWasm
	if err := r.cache.Get(ctx, key, &aw); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("read AutoWasm %s: %w", key, err)
	}
	if !aw.DeletionTimestamp.IsZero() {
		return nil, false, nil
	}
	ef := istio.NewEnvoyFilter()
	if err := r.cache.Get(ctx, key, ef); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, true, nil
		}
		return nil, false, fmt.Errorf("read EnvoyFilter %s: %w", key, err)
	}
	return targetOf(&aw, ef, r.o.RootNamespace), true, nil
}

// follow returns the record of a target, a new one if it has none, and nil when there is no target.
func (r *Reconciler) follow(key types.NamespacedName, t *target, exists bool) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.records[key]
	switch {
	case !exists:
		delete(r.records, key)
		return nil
	case t == nil:
		if before != nil {
			r.records[key] = before.suspend()
		}
		return nil
	case !before.follows(t.targetID):
		r.records[key] = newRecord(*t, before, r.o.Now())
	}
	return r.records[key]
}

// scrape scrapes the proxies of a target, keeps what that showed and comes back.
func (r *Reconciler) scrape(ctx context.Context, known *record) (reconcile.Result, error) {
	key := known.target.key
	observed, err := r.observe(ctx, known)
	if ctx.Err() != nil {
		return reconcile.Result{}, nil // it stops
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot observe the proxies")
		return reconcile.Result{RequeueAfter: lastScrape}, nil
	}
	if t, _, err := r.target(ctx, key); err != nil || t == nil || t.targetID != known.target.targetID {
		return reconcile.Result{RequeueAfter: firstScrape}, err // it has changed meanwhile
	}
	next, changed := known.update(observed, r.o.Interval)
	r.mu.Lock()
	r.records[key] = next
	r.mu.Unlock()
	if changed {
		r.onChange(key)
	}
	return reconcile.Result{RequeueAfter: next.next.Sub(observed.at)}, nil
}

// Snapshot returns what the proxies have made of ef, which is aw's as it is rendered now; false while that is not
// known. That no proxy is selected is known at once.
func (r *Reconciler) Snapshot(ctx context.Context, aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) (Snapshot, bool) {
	if known := r.recordOf(aw, ef); known != nil && known.observed {
		return known.snapshot, true
	}
	selected, err := selectionOf(aw, r.o.RootNamespace).list(ctx, r.cache)
	return Snapshot{}, err == nil && len(selected) == 0
}

// ReloadDue reports whether proxies have given up loading the module that ef names, and should be made to by an
// EnvoyFilter with another reload count. It is due until that is in the cache.
func (r *Reconciler) ReloadDue(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) bool {
	known := r.recordOf(aw, ef)
	return known != nil && known.reloadDue(r.o.Now())
}

// recordOf is the record of exactly this EnvoyFilter, nil when there is none.
func (r *Reconciler) recordOf(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) *record {
	if ef == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.records[client.ObjectKeyFromObject(aw)]; known.follows(idOf(aw, ef)) {
		return known
	}
	return nil
}
