package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/render"
)

// When proxies are asked, and what for how long.
const (
	// settleTime is how long a proxy may take to hear of a change: istiod gathers
	// changes for at most 10 seconds by default (PILOT_DEBOUNCE_MAX).
	settleTime = 10 * time.Second
	// loadTime is how long a load may take before it counts as failing: as long as one
	// try of a proxy may (render.DefaultTimeout).
	loadTime = render.DefaultTimeout
	// drainTime is how long a proxy keeps listeners that were replaced: 45 seconds by
	// default (Istio's drainDuration), and some more.
	drainTime = time.Minute
	// firstAsk and lastAsk are how soon the proxies are asked again while they load:
	// ever more seldom, as the change grows older.
	firstAsk = 500 * time.Millisecond
	lastAsk  = 10 * time.Second
	// confirmAfter is how long after a proxy was first seen to run the filter it is asked
	// once more.
	confirmAfter = 2 * time.Second
	// askedAtOnce is how many proxies of one AutoWasm are asked at the same time.
	askedAtOnce = 32
)

// proxyWatcher finds out what the proxies make of the EnvoyFilters. The reconciler
// says what they should run (watch), the watcher asks them in the background, and
// wakes the AutoWasm when there is news. A nil one asks nobody.
type proxyWatcher struct {
	o       ProxyOptions
	pods    client.Reader
	wake    func(types.NamespacedName)
	now     func() time.Time
	queue   workqueue.TypedDelayingInterface[types.NamespacedName]
	mu      sync.Mutex
	watches map[types.NamespacedName]*proxyWatch
	reloads reloads
}

func newProxyWatcher(o *ProxyOptions, pods client.Reader, wake func(types.NamespacedName), now func() time.Time) *proxyWatcher {
	if o == nil {
		return nil
	}
	return &proxyWatcher{
		o: *o, pods: pods, wake: wake, now: now,
		queue:   workqueue.NewTypedDelayingQueue[types.NamespacedName](),
		watches: map[types.NamespacedName]*proxyWatch{},
		reloads: reloads{},
	}
}

// Start asks until ctx ends, and returns when the last question is over.
func (w *proxyWatcher) Start(ctx context.Context) error {
	var workers sync.WaitGroup
	for range w.o.Workers {
		workers.Go(func() {
			for w.work(ctx) {
			}
		})
	}
	<-ctx.Done()
	w.queue.ShutDown()
	workers.Wait()
	return nil
}

func (w *proxyWatcher) work(ctx context.Context) bool {
	key, stopped := w.queue.Get()
	if stopped {
		return false
	}
	defer w.queue.Done(key)
	if target, ok := w.targetOf(key); ok && ctx.Err() == nil {
		w.look(ctx, target)
	}
	return true
}

// watch says what is known of a target, and whether anything is. The first time it has
// the proxies asked; where the cache knows of none, that is known at once.
func (w *proxyWatcher) watch(ctx context.Context, t proxyTarget) (proxyView, bool) {
	view, seen, begun := w.begin(t)
	if begun {
		defer w.queue.Add(t.key)
	}
	if seen {
		return view, true
	}
	selected, err := selectedProxies(ctx, w.pods, t)
	return proxyView{}, err == nil && len(selected) == 0
}

// begin begins the watch of a target, unless it is under way.
func (w *proxyWatcher) begin(t proxyTarget) (view proxyView, seen, begun bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.current(t); known != nil {
		return known.view, known.seen, false
	}
	before := w.watches[t.key]
	if before != nil && before.target.generation != t.generation {
		w.reloads.forget(t.key) // it may be a better one
	}
	w.watches[t.key] = newProxyWatch(t, w.now()).after(before)
	return proxyView{}, false, true
}

// current is the watch of a target, nil when there is none or that of another. The
// caller holds w.mu.
func (w *proxyWatcher) current(t proxyTarget) *proxyWatch {
	known := w.watches[t.key]
	if known == nil || known.rests || known.target.targetID != t.targetID {
		return nil
	}
	return known
}

// rest has the proxies of an AutoWasm not asked before it is watched again: what it is
// to be now does not come so far as to be in force, and what is in force still is not
// what it is to be.
func (w *proxyWatcher) rest(key types.NamespacedName) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.watches[key]; known != nil {
		w.watches[key] = (&proxyWatch{target: known.target, since: w.now(), rests: true}).after(known)
	}
}

// forget ends the watch of an AutoWasm.
func (w *proxyWatcher) forget(key types.NamespacedName) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.watches, key)
	delete(w.reloads, key)
}

// reloadDue says, once for each time, that the proxies of an AutoWasm have given up
// and are to be told to load the module again.
func (w *proxyWatcher) reloadDue(key types.NamespacedName) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.watches[key]
	return known != nil && known.view.gaveUp() && w.reloads.take(key, w.now())
}

func (w *proxyWatcher) targetOf(key types.NamespacedName) (proxyTarget, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.watches[key]
	if known == nil || known.rests {
		return proxyTarget{}, false
	}
	return known.target, true
}

// look asks the proxies of a target, keeps what they say and comes back.
func (w *proxyWatcher) look(ctx context.Context, t proxyTarget) {
	seen, err := w.observe(ctx, t)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot look at the proxies; they are looked at again", "autowasm", t.key)
		w.queue.AddAfter(t.key, lastAsk)
		return
	}
	again, news := w.keep(t, seen)
	if news {
		w.wake(t.key)
	}
	if again > 0 {
		w.queue.AddAfter(t.key, again)
	}
}

// keep takes over what was seen of a target, unless there is another by now. It says
// when to look again, and whether the AutoWasm should know.
func (w *proxyWatcher) keep(t proxyTarget, s sight) (again time.Duration, news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.current(t)
	if known == nil {
		return 0, false
	}
	known.sure = known.confirm(s.running) && !s.doubtful
	known.breaks(s.broken, s.present)
	known.last, known.rejected = s.last, s.rejected
	if s.doubtful {
		return min(firstAsk, w.o.Interval), false
	}
	news = !known.seen || !known.view.same(s.view) || w.reloadsSoon(t.key, s.view)
	if news { // else small steps of time would add up to no news for ever
		known.view, known.seen = s.view, true
	}
	if s.view.failure(false) == nil {
		w.reloads.forget(t.key)
	}
	return w.askAgain(*known), news
}

func (w *proxyWatcher) reloadsSoon(key types.NamespacedName, v proxyView) bool {
	return v.gaveUp() && w.reloads.due(key, w.now())
}

// askAgain is short while something is to be expected.
func (w *proxyWatcher) askAgain(known proxyWatch) time.Duration {
	switch {
	case known.view.failure(false) != nil:
	case !known.sure:
		return min(confirmAfter, w.o.Interval)
	default:
		return wait.Jitter(w.o.Interval, 0.2)
	}
	age := w.now().Sub(known.since)
	return min(max(age/4, firstAsk), lastAsk, w.o.Interval)
}
