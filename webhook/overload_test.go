// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// An API server that is busy with the applies that wait for their admissions gets no more calls than it can end, and the
// others are admitted without. None waits for long, and a namespace that applies much leaves room for others.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, most := 0, 0
		var mu sync.Mutex
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			calls += n
			most = max(most, calls)
		}
		handler := stagingValidator(cluster(interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			count(1)
			defer count(-1)
			time.Sleep(time.Second)
			return nil
		}}), true)
		outcomes := map[string]int{}
		var running sync.WaitGroup
		for n := range 60 {
			namespace := []string{"much", "little"}[n/40] // 40 of the one, and 20 of the other afterwards
			running.Go(func() {
				began := time.Now()
				resp := handler.Handle(t.Context(), namedIn(t, namespace, n))
				if took := time.Since(began); !resp.Allowed || took > time.Second {
					t.Errorf("allowed %v after %s", resp.Allowed, took)
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[namespace+" "+resp.AuditAnnotations[auditEnvoyFilter]]++
			})
			synctest.Wait()
		}
		running.Wait()
		want := map[string]int{"much Staged": 11, "much Busy": 29, "little Staged": 11, "little Busy": 9}
		if diff := cmp.Diff(want, outcomes); diff != "" || most > maxStaging {
			t.Errorf("%d calls at once; outcomes (-want +got):\n%s", most, diff)
		}
		resp := handler.Handle(t.Context(), namedIn(t, "much", 0))
		if got := resp.AuditAnnotations[auditEnvoyFilter]; got != string(outcomeStaged) {
			t.Errorf("afterwards the outcome is %s", got)
		}
	})
}

// namedIn is the creation of an AutoWasm of a number in a namespace.
func namedIn(t *testing.T, namespace string, n int) admission.Request {
	aw := autoWasm(inNamespace(namespace))
	aw.Name = fmt.Sprint("test-", n)
	req := in(namespace, requestFor(t, admissionv1.Create, aw))
	req.Name = aw.Name
	return req
}
