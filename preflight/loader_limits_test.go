// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestLoadWithoutKinds: what the cluster does not have is not asked for, and nothing is concluded from it.
func TestLoadWithoutKinds(t *testing.T) {
	l := loader(t, NewKinds())
	l.Reader = nil
	requireView(t, l, autoWasm("", 9080), View{WorkloadsUnknown: true, ServicesUnknown: true})
	if got, err := l.Findings(t.Context(), autoWasm("", 9080)); got != nil || err != nil {
		t.Errorf("findings %v, %v", got, err)
	}
}

func TestLoadBoundsPods(t *testing.T) {
	l := loader(t, everyKind())
	l.Reader = manyPods{Reader: l.Reader, n: maxWorkloads}
	got, err := l.Load(t.Context(), autoWasm(""))
	if err != nil || !got.MoreWorkloads || len(got.Workloads) != maxWorkloads {
		t.Errorf("%d workloads, more: %t, %v", len(got.Workloads), got.MoreWorkloads, err)
	}
}

// manyPods has so many, and requires to be asked for no more.
type manyPods struct {
	client.Reader
	n int
}

func (m manyPods) List(ctx context.Context, list client.ObjectList, o ...client.ListOption) error {
	pods, ok := list.(*corev1.PodList)
	if !ok {
		return m.Reader.List(ctx, list, o...)
	}
	var listed client.ListOptions
	listed.ApplyOptions(o)
	if listed.Limit == 0 || listed.UnsafeDisableDeepCopy == nil {
		return errors.New("all pods are listed, or copied")
	}
	for range min(m.n, int(listed.Limit)) {
		pods.Items = append(pods.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: details}})
	}
	return nil
}

// unfilled is a cache before it is filled: it answers when the caller gives up.
type unfilled struct {
	client.Reader
	asked int
}

func (u *unfilled) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	u.asked++
	<-ctx.Done()
	return ctx.Err()
}

func TestLoadFromAnUnfilledCache(t *testing.T) {
	cache := &unfilled{}
	l := &Loader{Reader: cache, Kinds: everyKind(), Options: options}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got, err := l.Findings(ctx, autoWasm("", 9080)); got != nil || !errors.Is(err, context.DeadlineExceeded) || cache.asked != 1 {
		t.Errorf("findings %v, %v after %d lists", got, err, cache.asked)
	}
}

// broken is a cache that cannot read one kind.
type broken struct {
	client.Reader
	kind  string
	after int // reads that come after the one that failed
}

var errBroken = errors.New("no kind is registered")

func (b *broken) fails(object runtime.Object) bool {
	kind := fmt.Sprintf("%T", object)
	if u := object.GetObjectKind().GroupVersionKind().Kind; u != "" {
		kind = u
	}
	if b.after > 0 || strings.TrimSuffix(kind, "List") == b.kind {
		b.after++
		return true
	}
	return false
}

func (b *broken) List(ctx context.Context, list client.ObjectList, o ...client.ListOption) error {
	if b.fails(list) {
		return errBroken
	}
	return b.Reader.List(ctx, list, o...)
}

func (b *broken) Get(ctx context.Context, key client.ObjectKey, object client.Object, o ...client.GetOption) error {
	if b.fails(object) {
		return errBroken
	}
	return b.Reader.Get(ctx, key, object, o...)
}

// TestACacheThatCannotReadAKind: then nothing is known, and nothing else is read.
func TestACacheThatCannotReadAKind(t *testing.T) {
	whole := loader(t, everyKind(), everyManifest...)
	for _, kind := range []string{"*v1.Pod", "*v1.Service", "ServiceEntry", "WorkloadEntry", "Sidecar", "DestinationRule", "PeerAuthentication"} {
		cache := &broken{Reader: whole.Reader, kind: kind}
		l := &Loader{Reader: cache, Kinds: everyKind(), Options: options}
		got, err := l.Findings(t.Context(), autoWasm("", 9080))
		if got != nil || !errors.Is(err, errBroken) || cache.after != 1 {
			t.Errorf("%s: findings %v, %v after %d more reads", kind, got, err, cache.after-1)
		}
		if kind == "*v1.Pod" && !strings.HasPrefix(err.Error(), "check what AutoWasm shop/test meets: ") {
			t.Errorf("error %q", err)
		}
	}
}

// TestWorkloadsAtTheLimit: one Pod less than the limit is all there are; at the limit nothing is concluded from what
// is not there.
func TestWorkloadsAtTheLimit(t *testing.T) {
	for n, want := range map[int]int{maxWorkloads - 1: 2, maxWorkloads: 0} {
		l := loader(t, everyKind())
		l.Reader = manyPods{Reader: l.Reader, n: n}
		got, err := l.Findings(t.Context(), autoWasm("", 9080))
		if err != nil || len(got) != want {
			t.Errorf("of %d pods: %v, %v", n, got, err)
		}
	}
}
