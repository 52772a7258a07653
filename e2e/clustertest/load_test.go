//go:build cluster

package clustertest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/autowasm/autowasm/e2e/suite"
)

const (
	loadClients = 2                      // that apply at the same time, each one object after another
	loadPeriod  = 100 * time.Millisecond // of each, as long as it is answered within that
	loadObjects = 5                      // that each creates and changes in turn
	leastLoad   = 50                     // applies in all; fewer show nothing
)

// A load is a steady one of server-side applies of AutoWasms in a namespace, up to 20 a second. None is tried twice.
type load struct {
	namespace, image string
	autowasms        dynamic.ResourceInterface
	cancel           context.CancelFunc
	running          sync.WaitGroup

	mu       sync.Mutex
	applied  int
	checked  int // of them, as check saw them
	failures []string
}

// startLoad starts a load, which ends with stop, or the test.
func startLoad(t testing.TB, namespace, image string) *load {
	t.Helper()
	config, err := restConfig()
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	resource := schema.GroupVersionResource{Group: "wasm.tcm.io", Version: "v1alpha1", Resource: "autowasms"}
	l := &load{namespace: namespace, image: image, autowasms: client.Resource(resource).Namespace(namespace), cancel: cancel}
	for client := range loadClients {
		l.running.Go(func() { l.run(ctx, client) })
	}
	t.Cleanup(func() { l.cancel(); l.running.Wait() })
	return l
}

// run applies until ctx ends. What is under way then is not cut off: its end counts.
func (l *load) run(ctx context.Context, client int) {
	period := time.NewTicker(loadPeriod)
	defer period.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		err := l.apply(context.WithoutCancel(ctx), fmt.Sprintf("load-%d-%d", client, n%loadObjects), n)
		l.count(began, err)
		<-period.C
	}
}

func (l *load) apply(ctx context.Context, name string, n int) error {
	object := fmt.Appendf(nil, `{
		"apiVersion": "wasm.tcm.io/v1alpha1", "kind": "AutoWasm", "metadata": {"name": %q},
		"spec": {"selector": {"matchLabels": {"app": "nobody"}}, "filter": {
			"applyPorts": [9080], "rootID": "test", "source": {"registry": {"image": %q}}, "config": {"n": %d}
		}}}`, name, l.image, n)
	_, err := l.autowasms.Patch(ctx, name, types.ApplyPatchType, object, metav1.PatchOptions{FieldManager: "load"})
	return err
}

func (l *load) count(began time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.applied++
	if err != nil {
		l.failures = append(l.failures, fmt.Sprintf("%s, after %s: %v", began.Format(time.TimeOnly), time.Since(began), err))
	}
}

// check fails the test for each apply that failed since the last check.
func (l *load) check(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d applies, %d failed", l.applied-l.checked, len(l.failures))
	for _, failure := range l.failures {
		t.Errorf("failed apply: %s", failure)
	}
	l.checked, l.failures = l.applied, nil
}

// stop ends the load, fails the test for each apply that failed, and waits until all that was applied is Synced.
func (l *load) stop(t testing.TB) {
	t.Helper()
	l.cancel()
	l.running.Wait()
	l.check(t)
	if l.applied < leastLoad {
		t.Errorf("%d applies are no load", l.applied)
	}
	kubectl(t, "wait", "autowasms", "--all", "-n", l.namespace, "--for=jsonpath={.status.phase}=Synced", suite.TimeoutFlag)
}
