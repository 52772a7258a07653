package mesh

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/envoy"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
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
		requireTrap(t, url, limit)
		suite.Eventually(t, func(ctx context.Context) error { return answersAll(ctx, url, "200") })

		closed := onWorkload(w, w.Name, image, "applyPorts: [9081], failurePolicy: FailClosed")
		closed.apply(t)
		requireTruth(t, closed, url, "200")
		requireTrap(t, url, limit)
		suite.Never(t, 5*time.Second, "the worker recovers", func(ctx context.Context) error { return answersAll(ctx, url, "200") })
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
