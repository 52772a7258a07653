package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
	"github.com/autowasm/autowasm/preflight"
)

// preflightInterval is how often the AutoWasms that a change may concern are checked
// again. In between changes are gathered, however many there are.
const preflightInterval = 10 * time.Second

// preflightWatch wakes the AutoWasms whose findings are not those of their status any
// more, because Pods, Services or objects of Istio have changed. A namespace in which
// nothing has changed costs nothing.
type preflightWatch struct {
	preflights preflights
	cache      client.Reader
	wake       func(types.NamespacedName)

	mu      sync.Mutex
	changed changes
}

// changes say which AutoWasms to check.
type changes struct {
	namespaces map[string]bool
	// outbound ones, wherever they are: a Service has changed, which all may call.
	outbound bool
	all      bool
}

// none reports whether there is nothing to check.
func (c changes) none() bool { return len(c.namespaces) == 0 && !c.outbound && !c.all }

func (c changes) concern(aw *v1alpha1.AutoWasm) bool {
	return c.all || c.namespaces[aw.Namespace] || (c.outbound && aw.Spec.Filter.Context == v1alpha1.Outbound)
}

func newPreflightWatch(loader *preflight.Loader, reader client.Reader, wake func(types.NamespacedName)) *preflightWatch {
	return &preflightWatch{
		preflights: preflights{loader}, cache: reader, wake: wake, changed: changes{namespaces: map[string]bool{}},
	}
}

// setupPreflight adds the watch to mgr, if there is something to look with.
func setupPreflight(mgr ctrl.Manager, loader *preflight.Loader, wake *wakeup) error {
	if loader == nil {
		return nil
	}
	w := newPreflightWatch(loader, mgr.GetCache(), wake.call)
	if err := w.watch(context.Background(), mgr.GetCache()); err != nil {
		return err
	}
	return mgr.Add(w)
}

// watch has the informers of the kinds that are looked at report what changes.
func (w *preflightWatch) watch(ctx context.Context, informers cache.Cache) error {
	for kind := range w.preflights.loader.Kinds {
		informer, err := informers.GetInformer(ctx, w.preflights.loader.Kinds.Object(kind), cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %s for the preflight: %w", kind, err)
		}
		callable := kind == preflight.Services || kind == preflight.ServiceEntries
		if _, err := informer.AddEventHandler(w.handler(callable)); err != nil {
			return fmt.Errorf("watch %s for the preflight: %w", kind, err)
		}
	}
	return nil
}

// handler notes changes of a kind; callable objects concern those who call out, too.
func (w *preflightWatch) handler(callable bool) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { w.note(object, callable) },
		UpdateFunc: func(before, after any) {
			if matters(before, after) {
				w.note(after, callable)
			}
		},
		DeleteFunc: func(object any) {
			if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			w.note(object, callable)
		},
	}
}

// matters leaves out what happens to a Pod all the time: of a stored one only its
// labels, and whether it is on its way out, count.
func matters(before, after any) bool {
	old, ok := before.(*corev1.Pod)
	pod, also := after.(*corev1.Pod)
	if !ok || !also {
		return true
	}
	return !maps.Equal(old.Labels, pod.Labels) || mesh.Ends(old) != mesh.Ends(pod)
}

func (w *preflightWatch) note(object any, callable bool) {
	o, ok := object.(metav1.Object)
	if !ok {
		return
	}
	namespace := o.GetNamespace()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.namespaces[namespace] = true
	w.changed.outbound = w.changed.outbound || callable
	w.changed.all = w.changed.all || w.concernsAll(namespace)
}

// concernsAll is true of the namespaces whose objects are for the whole mesh: Istio's
// root and the module server's.
func (w *preflightWatch) concernsAll(namespace string) bool {
	o := w.preflights.loader.Options
	return namespace == o.RootNamespace || namespace == istio.NamespaceOf(o.Host)
}

// take returns what has changed since it was called last.
func (w *preflightWatch) take() changes {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.changed
	w.changed = changes{namespaces: map[string]bool{}}
	return taken
}

// Start looks after the changes until ctx ends. Only the leader writes statuses, so
// only it needs to.
func (w *preflightWatch) Start(ctx context.Context) error {
	ticker := time.NewTicker(preflightInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			w.check(ctx)
		}
	}
}

// check wakes those whose status is outdated.
func (w *preflightWatch) check(ctx context.Context) {
	changed := w.take()
	if changed.none() {
		return
	}
	var list v1alpha1.AutoWasmList
	if err := w.cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot list the AutoWasms to check again")
		return
	}
	for i := range list.Items {
		aw := &list.Items[i]
		if ctx.Err() != nil {
			return
		}
		if changed.concern(aw) && w.outdated(ctx, aw) {
			w.wake(client.ObjectKeyFromObject(aw))
		}
	}
}

// outdated reports whether a reconcile would find something else than the status
// says. One that has not come to an EnvoyFilter yet is left to its own retries, which
// have to be patient with its source.
func (w *preflightWatch) outdated(ctx context.Context, aw *v1alpha1.AutoWasm) bool {
	applied := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionEnvoyFilterApplied)
	if applied == nil || applied.Status != metav1.ConditionTrue || applied.ObservedGeneration != aw.Generation {
		return false
	}
	now := w.preflights.condition(ctx, aw)
	if now == nil {
		return false
	}
	before := meta.FindStatusCondition(aw.Status.Conditions, now.Type)
	return before == nil || before.Status != now.Status || before.Reason != now.Reason || before.Message != now.Message
}
