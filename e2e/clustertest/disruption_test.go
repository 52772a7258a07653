//go:build cluster

package clustertest

import (
	"context"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

const wasmerNamespace = "istio-system"

// TestRollingUpdate replaces wasmer's replicas, and then the application's, under load: no apply fails, no request goes
// without the filter or fails, and new proxies load the module from the new replicas.
func TestRollingUpdate(t *testing.T) {
	ns := newNamespace(t, "rolling")
	startApp(t, ns)
	image := push(t, "rolling/wasm-add-header")
	apply(t, ns, tutorial.Manifest{Image: image}.String())
	kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=condition=Ready", suite.TimeoutFlag)
	suite.Eventually(t, func(context.Context) error { return askWithFilter(t, ns) }) // Ready is a moment early

	l := startLoad(t, ns, image)
	whileRolling(t, wasmerNamespace, "wasmer", func() error { return askWithFilter(t, ns) })
	l.stop(t)

	restart(t, ns, "details")
	for range 10 {
		if err := askWithFilter(t, ns); err != nil {
			t.Errorf("of the new Pods: %v", err)
		}
	}
}

// askWithFilter has client get details once and returns an error when the answer has no header of the filter.
func askWithFilter(t testing.TB, namespace string) error {
	a, err := ask(t, namespace, "http://details:9080/")
	if err != nil {
		return err
	}
	return a.filtered()
}

// restart replaces the Pods of a Deployment and waits until all are new.
func restart(t testing.TB, namespace, name string) {
	t.Helper()
	kubectl(t, "rollout", "restart", "-n", namespace, "deployment/"+name)
	kubectl(t, "rollout", "status", "-n", namespace, "deployment/"+name, suite.TimeoutFlag)
}

// whileRolling replaces the Pods of a Deployment and tries something again and again until all are new. Each failure fails
// the test.
func whileRolling(t testing.TB, namespace, name string, try func() error) {
	t.Helper()
	kubectl(t, "rollout", "restart", "-n", namespace, "deployment/"+name)
	during(t, "the roll of "+name, func() error {
		_, err := runKubectl(t.Context(), "", "rollout", "status", "-n", namespace, "deployment/"+name, suite.TimeoutFlag)
		return err
	}, try)
}

// during does something and tries something else again and again until it is done. Each failure fails the test.
func during(t testing.TB, what string, do, try func() error) {
	t.Helper()
	began, done := time.Now(), make(chan error, 1)
	go func() { done <- do() }()
	for tries := 1; ; tries++ {
		if err := try(); err != nil {
			t.Errorf("during %s: %v", what, err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			t.Logf("%s took %s, with %d requests meanwhile", what, time.Since(began).Round(100*time.Millisecond), tries)
			return
		default:
		}
	}
}
