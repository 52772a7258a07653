// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestOneTrap: a filter that traps on one request is started again, so that the requests after it pass. With FailClosed it
// is not: the worker answers 503 from then on.
func TestOneTrap(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "onetrap", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		const limit = 40
		image := pushModule(t, w.Name+":v1", wasmtest.Module(wasmtest.TrapOnHeaders(limit), wasmtest.Salt(w.Name)))
		a := onWorkload(w, w.Name, image, "applyPorts: [9081]")
		a.apply(t)
		url := w.URL(OtherPort)
		requireTruth(t, a, url, "200")
		passes(t, a, "True NoTraps", 0)
		requireTrap(t, url, limit)
		suite.Eventually(t, func(ctx context.Context) error { return answersAll(ctx, url, "200") })
		if aw := passes(t, a, "False FilterTraps", 1); !saysReady(aw) {
			t.Errorf("after one trap: %s", aw.Status.Message)
		}
		suite.Eventually(t, func(ctx context.Context) error {
			requireTrap(t, url, limit)
			aw, err := cluster.AutoWasm(ctx, a.space(), a.name)
			if err == nil && summaryOf(aw).Ready != word(metav1.ConditionFalse, v1alpha1.ReasonFilterTraps) {
				err = fmt.Errorf("traps go on, and the status says: %s", aw.Status.Message)
			}
			return err
		})
		requireWarnings(t, a.name, v1alpha1.ReasonFilterTraps)

		closed := onWorkload(w, w.Name, image, "applyPorts: [9081], failurePolicy: FailClosed")
		closed.apply(t)
		requireTruth(t, closed, url, "200")
		passes(t, closed, "Unknown TrapsUnseen", 0)
		requireTrap(t, url, limit)
		suite.Never(t, 5*time.Second, "the worker recovers", func(ctx context.Context) error { return answersAll(ctx, url, "200") })
	})
}

// passes waits until RequestsPass has a status and a reason, with so many proxies that trap.
func passes(t *testing.T, a autoWasm, want string, trapped int32) *v1alpha1.AutoWasm {
	t.Helper()
	return cluster.WaitFor(t, a.space(), a.name, func(aw *v1alpha1.AutoWasm) error {
		c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionRequestsPass)
		if c == nil || word(c.Status, v1alpha1.Reason(c.Reason)) != want || c.ObservedGeneration != aw.Generation || aw.Status.Proxies.Trapped != trapped {
			return fmt.Errorf("RequestsPass is %+v, proxies %+v, want %s and %d", c, aw.Status.Proxies, want, trapped)
		}
		return nil
	})
}

// answersAll requires so many answers in a row that each of a proxy's workers gives some.
func answersAll(ctx context.Context, url, want string) error {
	for range 20 * proxyThreads {
		if err := checkAnswer(ctx, url, want); err != nil {
			return err
		}
	}
	return nil
}

// requireTrap sends a request of n headers more than others have, on which the filter traps.
func requireTrap(t *testing.T, url string, n int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r.Header.Set(fmt.Sprintf("x-%d", i), "x")
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusInternalServerError {
		t.Errorf("a request of %d headers is answered %s", n, response.Status)
	}
}
