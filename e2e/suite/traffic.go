// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Traffic is a steady load of admissions: dry runs, creates and updates, each kind
// one after another without a pause longer than its period. Nothing is tried twice.
type Traffic struct {
	ns      string
	cluster *Cluster
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	admitted map[string]int
	failures []string
}

// StartTraffic begins a load in a namespace, with a module of an image. It ends with
// Stop, or the test.
func (c *Cluster) StartTraffic(t *testing.T, ns, image string) *Traffic {
	t.Helper()
	base := NewAutoWasm(ns, "updated", image)
	if err := c.Client.Create(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &Traffic{ns: ns, cluster: c, cancel: cancel, admitted: map[string]int{}}
	l.repeat(ctx, "dry run", 25*time.Millisecond, func(ctx context.Context, n int) error {
		return c.Client.Create(ctx, NewAutoWasm(ns, fmt.Sprintf("dry-%d", n), image), client.DryRunAll)
	})
	l.repeat(ctx, "create", 100*time.Millisecond, func(ctx context.Context, n int) error {
		return c.Client.Create(ctx, NewAutoWasm(ns, fmt.Sprintf("real-%d", n), image))
	})
	l.repeat(ctx, "update", 100*time.Millisecond, func(ctx context.Context, n int) error {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"filter":{"config":{"n":%d}}}}`, n))
		return c.Client.Patch(ctx, NewAutoWasm(ns, "updated", image), patch)
	})
	t.Cleanup(func() { l.cancel(); l.running.Wait() })
	return l
}

func (l *Traffic) repeat(ctx context.Context, kind string, period time.Duration, admit func(context.Context, int) error) {
	l.running.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			began := time.Now()
			// An admission under way is not cut off: its end counts.
			err := admit(context.WithoutCancel(ctx), n)
			l.count(kind, began, err)
			time.Sleep(period)
		}
	})
}

func (l *Traffic) count(kind string, began time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.admitted[kind]++
		return
	}
	l.failures = append(l.failures, fmt.Sprintf("%s %s, after %s: %v", began.Format("15:04:05.000"), kind, time.Since(began), err))
}

// minAdmitted is how many of each kind make a load, on the slowest machine.
const minAdmitted = 10

// enough returns of which kind too few were admitted yet. Where one failed, the test has failed already.
func (l *Traffic) enough() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, kind := range []string{"dry run", "create", "update"} {
		if l.admitted[kind] < minAdmitted && len(l.failures) == 0 {
			return fmt.Errorf("only %d of the kind %s were admitted: this is no load", l.admitted[kind], kind)
		}
	}
	return nil
}

// Stop ends the load when it was one, fails the test for each admission that failed, and waits until all that was
// admitted is Synced, as invariant 3 has it.
func (l *Traffic) Stop(t *testing.T) {
	t.Helper()
	Eventually(t, func(context.Context) error { return l.enough() })
	l.cancel()
	l.running.Wait()
	t.Logf("admitted: %v", l.admitted)
	for _, failed := range l.failures {
		t.Errorf("failed admission: %s", failed)
	}
	l.cluster.WaitAllSynced(t, l.ns, l.admitted["create"]+1)
}

// WaitAllSynced waits until a number of AutoWasms in a namespace, and no others,
// are Synced.
func (c *Cluster) WaitAllSynced(t *testing.T, ns string, count int) {
	t.Helper()
	list := &v1alpha1.AutoWasmList{}
	if err := c.Client.List(t.Context(), list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != count {
		t.Fatalf("there are %d AutoWasms, want %d", len(list.Items), count)
	}
	for i := range list.Items {
		c.WaitPhase(t, ns, list.Items[i].Name, v1alpha1.PhaseSynced)
	}
}

// NewAutoWasm is one that every proxy of nobody's would get.
func NewAutoWasm(ns, name, image string) *v1alpha1.AutoWasm {
	aw := &v1alpha1.AutoWasm{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": "details"}
	aw.Spec.Filter.Source.Registry = &v1alpha1.RegistrySource{Image: image}
	aw.Spec.Filter.Config = &apiextensionsv1.JSON{Raw: []byte(`{"n":-1}`)}
	return aw
}
