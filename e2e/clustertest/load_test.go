//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"strings"
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
	loadConfigs = 2                      // configurations that an object has in turn
	leastLoad   = 50                     // applies in all; fewer show nothing
	retryAfter  = time.Second            // between two tries of an apply
	patience    = 90 * time.Second       // after which an apply is not tried again
)

// A load is a steady one of server-side applies of AutoWasms in a namespace, up to 20 a second, each of which changes its
// object. One that fails is counted, and tried again. The objects share their few configurations: were each a new one, the
// trials of the module, 0.2 s of a core each, would be what is measured.
type load struct {
	namespace, image string
	autowasms        dynamic.ResourceInterface
	cancel           context.CancelFunc
	running          sync.WaitGroup

	mu      sync.Mutex
	applied int
	checked int      // of them, as check saw them
	failed  []string // tries, since then
	givenUp int      // applies
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
		name := fmt.Sprintf("load-%d-%d", client, n%loadObjects)
		for began := time.Now(); !l.try(name, n); time.Sleep(retryAfter) {
			if time.Since(began) > patience {
				l.giveUp()
				break
			}
		}
		<-period.C
	}
}

// try applies an object once.
func (l *load) try(name string, n int) bool {
	began := time.Now()
	err := l.apply(context.Background(), name, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.applied++
	if err != nil {
		l.failed = append(l.failed, fmt.Sprintf("%s, after %s: %v", began.UTC().Format("15:04:05.000"), time.Since(began), err))
	}
	return err == nil
}

func (l *load) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.givenUp++
}

func (l *load) apply(ctx context.Context, name string, n int) error {
	object := fmt.Appendf(nil, `{
		"apiVersion": "wasm.tcm.io/v1alpha1", "kind": "AutoWasm", "metadata": {"name": %q, "labels": {"load": "true"}},
		"spec": {"selector": {"matchLabels": {"app": "nobody"}}, "filter": {
			"applyPorts": [9080], "rootID": "test", "source": {"registry": {"image": %q}}, "config": {"n": %d}
		}}}`, name, l.image, n/loadObjects%loadConfigs)
	_, err := l.autowasms.Patch(ctx, name, types.ApplyPatchType, object, metav1.PatchOptions{FieldManager: "load"})
	return err
}

// check fails the test when more tries have failed since the last check than may, or an apply did not succeed in the end.
func (l *load) check(t testing.TB, mayFail int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d applies, of which %d failed and were tried again\n%s", l.applied-l.checked, len(l.failed), strings.Join(l.failed, "\n"))
	if len(l.failed) > mayFail {
		t.Errorf("%d applies failed, want at most %d", len(l.failed), mayFail)
	}
	if l.givenUp > 0 {
		t.Errorf("%d applies did not succeed within %s", l.givenUp, patience)
	}
	l.checked, l.failed = l.applied, nil
}

// stop ends the load, checks it, and waits until all that was applied is Synced.
func (l *load) stop(t testing.TB, mayFail int) {
	t.Helper()
	l.cancel()
	l.running.Wait()
	l.check(t, mayFail)
	if l.applied < leastLoad {
		t.Errorf("%d applies are no load", l.applied)
	}
	kubectl(t, "wait", "autowasms", "-l", "load=true", "-n", l.namespace, "--for=jsonpath={.status.phase}=Synced", suite.TimeoutFlag)
}
