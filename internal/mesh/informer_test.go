// SPDX-License-Identifier: Apache-2.0

package mesh_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/autowasm/autowasm/internal/mesh"
)

// apiServer has Pods, which it lists in pages, and does not stream lists.
type apiServer struct {
	pods    int
	expires bool // the second page of the first list
	lists   []string
	largest int // how many Pods it sent at once
	watch   *watch.FakeWatcher
}

func (s *apiServer) list(_ context.Context, o metav1.ListOptions) (runtime.Object, error) {
	s.lists = append(s.lists, fmt.Sprintf("limit %d, from %q, version %q", o.Limit, o.Continue, o.ResourceVersion))
	first := 0
	_, _ = fmt.Sscan(o.Continue, &first)
	if first > 0 && s.expires {
		s.expires = false
		return nil, apierrors.NewResourceExpired("too old")
	}
	last := s.pods
	if o.Limit > 0 && o.ResourceVersion == "" { // as the watch cache does
		last = min(last, first+int(o.Limit))
	}
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
	for n := first; n < last; n++ {
		list.Items = append(list.Items, *podOf([]string{"app"}, nil, func(pod *corev1.Pod) { pod.Name, pod.Spec.NodeName = fmt.Sprint("pod-", n), "node" }))
	}
	if last < s.pods {
		list.Continue = fmt.Sprint(last)
	}
	s.largest = max(s.largest, len(list.Items))
	return list, nil
}

func (s *apiServer) start(_ context.Context, o metav1.ListOptions) (watch.Interface, error) {
	if o.SendInitialEvents != nil {
		return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)
	}
	if o.ResourceVersion != "7" {
		return nil, errors.New("it is not what was listed")
	}
	return s.watch, nil
}

// TestPodsArePaged: all Pods come, trimmed, and never many of them at once.
func TestPodsArePaged(t *testing.T) {
	tests := map[string]struct {
		pods    int
		expires bool
		lists   int
	}{
		"a page":               {pods: 500, lists: 1},
		"three":                {pods: 1200, lists: 3},
		"one that is too late": {pods: 1200, expires: true, lists: 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &apiServer{pods: tt.pods, expires: tt.expires, watch: watch.NewFake()}
				informer := mesh.NewInformer(&toolscache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.start}, &corev1.Pod{}, 0, toolscache.Indexers{})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); informer.RunWithContext(ctx) }()
				toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
				s.watch.Add(podOf([]string{"app"}, nil, func(pod *corev1.Pod) { pod.Name = "later" }))
				synctest.Wait()
				cancel()
				<-done
				if keys := informer.GetStore().ListKeys(); len(keys) != tt.pods+1 {
					t.Errorf("%d Pods are known, want %d", len(keys), tt.pods+1)
				}
				if got, _, _ := informer.GetStore().GetByKey("shop/pod-0"); got == nil || got.(*corev1.Pod).Spec.NodeName != "" {
					t.Errorf("the first is %+v", got)
				}
				if s.largest > 500 || len(s.lists) != tt.lists {
					t.Errorf("%d at once, lists %q", s.largest, s.lists)
				}
			})
		})
	}
}

// TestOtherKindsAreListedAsEver: only Pods are paged.
func TestOtherKindsAreListedAsEver(t *testing.T) {
	var asked []metav1.ListOptions
	lw := &toolscache.ListWatch{
		ListWithContextFunc: func(_ context.Context, o metav1.ListOptions) (runtime.Object, error) {
			asked = append(asked, o)
			return nil, errors.New("enough")
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)
		},
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			mesh.NewInformer(lw, &corev1.Service{}, 0, toolscache.Indexers{}).RunWithContext(ctx)
		}()
		synctest.Wait()
		cancel()
		<-done
		if diff := cmp.Diff([]metav1.ListOptions{{ResourceVersion: "0", Limit: 500}}, asked); diff != "" {
			t.Errorf("lists (-want +got):\n%s", diff)
		}
	})
}
