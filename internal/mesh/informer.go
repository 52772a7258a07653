// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
)

// pageSize is how many Pods are read at once.
const pageSize = 500

// NewInformer makes the informers of the manager's cache: it is its option of that name. That of Pods trims them as
// they are read, 500 at a time. An API server that does not stream lists (before Kubernetes 1.32, and 1.33) would
// send all at once, and client-go would hold all of that before it trims the first: 20,000 Pods take 600 MiB then.
func NewInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	if _, ok := object.(*corev1.Pod); ok {
		lw = podLister{toolscache.ToListerWatcherWithContext(lw)}
	}
	return toolscache.NewSharedIndexInformer(lw, object, resync, indexers)
}

// podLister lists trimmed Pods.
type podLister struct {
	toolscache.ListerWatcherWithContext
}

// ListWithContext returns all Pods. It pages itself, from the API server's present state: its watch cache, which any
// other resource version means, ignores the size of a page.
func (l podLister) ListWithContext(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	pages := pager.New(l.page)
	pages.PageSize = pageSize
	pages.FullListIfExpired = false // the informer begins again
	o.Limit, o.Continue, o.ResourceVersion, o.ResourceVersionMatch = 0, "", "", ""
	list, _, err := pages.ListWithAlloc(ctx, o)
	return list, err
}

func (l podLister) page(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	object, err := l.ListerWatcherWithContext.ListWithContext(ctx, o)
	if err != nil {
		return nil, err
	}
	list, ok := object.(*corev1.PodList)
	if !ok {
		return nil, fmt.Errorf("list Pods: the answer is a %T", object)
	}
	for i := range list.Items {
		list.Items[i] = *trimPod(&list.Items[i])
	}
	return list, nil
}

// List implements toolscache.Lister.
func (l podLister) List(o metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), o)
}

// Watch implements toolscache.Watcher.
func (l podLister) Watch(o metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), o)
}
